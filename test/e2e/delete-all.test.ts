import { expect, test } from 'vitest';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { useStack } from '../support/stack.ts';

const stack = useStack();

interface Request {
  id: string;
  state: string;
  window: { opensAt: string; closesAt: string } | null;
  timeline: { event: string; outcome: string; refusal: string | null; reason: string | null }[];
  workflow: { id: string };
}

interface Preview {
  id: string;
  count: number;
  phrase: string;
}

const insertUsers = (workspaceId: string, count: number, prefix = 'u-') =>
  stack().sql(
    `INSERT INTO users (workspace_id, user_id, email)
     SELECT $1, $3 || n, $3 || n || '@example.com' FROM generate_series(1, $2::int) n`,
    [workspaceId, count, prefix],
  );

const countUsers = async (workspaceId: string) => {
  const rows = await stack().sql<{ n: number }>(
    'SELECT count(*)::int AS n FROM users WHERE workspace_id = $1',
    [workspaceId],
  );
  return rows[0]?.n;
};

const path = '/v1/delete-all-requests';

const runOf = ({ id, count, phrase }: Preview) => ({
  previewId: id,
  confirm: { count, phrase },
});

const ask = (admin: ApiClient) =>
  admin.succeed<Request>('POST', path, { reason: 'the contract has ended', ticket: 'T-1' });

test('asked, approved, previewed, run: everyone is gone, and can be restored', async () => {
  const admin = await stack().workspace('whole');
  const platform = await stack().asRole('platform');
  await insertUsers('whole', 1_000);
  const { id } = await ask(admin);
  const approved = await platform.succeed<Request>('POST', `${path}/${id}/approve`, { note: 'ok' });
  expect(approved.state).toBe('open');
  const { opensAt, closesAt } = approved.window!;
  expect(Date.parse(closesAt) - Date.parse(opensAt)).toBe(3 * 86_400_000);
  const me = await admin.succeed('GET', '/v1/me');
  expect(me).toMatchObject({
    features: { deleteAll: { enabled: true, until: closesAt, requestId: id } },
  });
  const preview = await admin.succeed<Preview>('POST', `${path}/${id}/preview`);
  expect(preview).toMatchObject({ count: 1_000, phrase: 'delete all 1000 users' });
  await insertUsers('whole', 5, 'newcomer-');
  const started = await admin.succeed<Job>('POST', `${path}/${id}/run`, runOf(preview));
  const job = await admin.finish(started.id);
  expect(job).toMatchObject({ state: 'succeeded', counts: { selected: 1_000, deleted: 1_000 } });
  expect(await countUsers('whole')).toBe(5);
  await expect
    .poll(async () => (await admin.succeed<Request>('GET', `${path}/${id}`)).state)
    .toBe('completed');
  const backup = job.result?.backups?.[0]?.id;
  const restore = await admin.succeed<Job>('POST', `/v1/backups/${backup}/restores`, {});
  expect((await admin.finish(restore.id)).counts).toMatchObject({ restored: 1_000 });
  expect(await countUsers('whole')).toBe(1_005);
});
