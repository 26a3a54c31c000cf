import { expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import { readHistory } from '../support/steps/histories.ts';
import { useSharedStack } from '../support/stack/stack.ts';
import { triggerSchedule } from '../support/stack/trigger-schedule.ts';

const stack = useSharedStack();

const CANARY = 'canary';

const FILE = `userId,firstName,email,dob
${CANARY}-1,${CANARY}-first,${CANARY}@mail.example,
${CANARY}-2,${CANARY}-second,,31.1.2024
u-1,Ada,,2000-02-29
`;

const COUNTS = {
  lines: 3,
  imported: 1,
  merged: 1,
  unchanged: 0,
  skipped: 0,
  held: 0,
  failed: 1,
  unprocessed: 0,
};

const workspaceWithUser = async (id: string) => {
  const admin = await stack().workspace(id);
  await admin.succeed('POST', '/v1/users', [{ userId: 'u-1', firstName: 'A.' }]);
  return admin;
};

test('an import writes users, counts, log, mail and activity, and no line of its file into the history', async () => {
  const admin = await workspaceWithUser('whole');
  const { id } = await admin.importFile(new Blob([gzipSync(FILE)]), {
    mode: 'update',
    reason: 'the quarterly list',
  });
  const job = await admin.finish(id);
  expect(job).toMatchObject({
    type: 'import',
    state: 'partiallySucceeded',
    mode: 'update',
    mergeTags: false,
    dryRun: false,
    selection: { type: 'file' },
    counts: COUNTS,
    progress: { total: 3, processed: 3 },
    result: { bytes: gzipSync(FILE).length, removedAt: null },
    links: { log: `/v1/imports/${id}/log`, records: `/v1/imports/${id}/records` },
  });
  const user = await admin.succeed('GET', '/v1/users/u-1');
  expect(user).toMatchObject({ firstName: 'Ada', dob: '2000-02-29' });
  const log = (await admin.download(`/v1/imports/${id}/log`)).toString();
  expect(log.split('\n')[0]).toMatch(/^\uFEFFuserId,.*,error$/);
  expect(log).toContain(`${CANARY}-2,${CANARY}-second,,31.1.2024,"invalidDataType, line 3: `);

  const [mail] = (await stack().mails()).filter(({ text }) => text?.includes(id));
  expect(mail?.subject).toBe('Import finished: 2 of 3 lines (whole)');
  const [logLink = ''] = mail?.text?.match(/http\S+\/p\/[\w-]+/) ?? [];
  expect(await (await fetch(`${logLink}/log`)).text()).toBe(log.replace('\uFEFF', ''));
  const { data } = await admin.succeed<{ data: { kind: string; reason: string | null }[] }>(
    'GET',
    `/v1/activity?jobId=${id}`,
  );
  expect(data.map(({ kind }) => kind)).toEqual(['download', 'importFinished', 'importStarted']);
  expect(data[2]?.reason).toBe('the quarterly list');

  const handle = stack().temporal.workflow.getHandle(`import/${id}`);
  await handle.result();
  for (const told of [await readHistory(handle), JSON.stringify(mail), JSON.stringify(data)]) {
    expect(told).not.toContain(CANARY);
  }
  const { searchAttributes } = await handle.describe();
  expect(searchAttributes).toMatchObject({
    KeepsakeJob: ['import'],
    KeepsakePhase: ['partiallySucceeded'],
    KeepsakeFailures: [1],
  });
});

test('an exported file is imported again without a loss and without a change', async () => {
  const admin = await workspaceWithUser('round');
  await admin.succeed('POST', '/v1/properties', { name: 'plan', type: 'string' });
  const odd = [`=1+1`, `'quoted`, `tab\t,"x"\r\n`, `@home`, '🎈'];
  const users = odd.map((text, n) => ({
    userId: `u-${n + 2}`,
    firstName: text,
    tags: [text, 'b'],
    properties: { plan: text },
  }));
  await admin.succeed('POST', '/v1/users', users);
  const { id: exportId } = await admin.succeed<{ id: string }>('POST', '/v1/exports', {
    selection: { type: 'all' },
  });
  await admin.finish(exportId);
  const file = await admin.download(`/v1/exports/${exportId}/file`);
  const content = new Blob([new Uint8Array(file)]);
  const again = await admin.importFile(content, { mode: 'replace' });
  const counts = { lines: 6, imported: 0, merged: 6, unchanged: 6, failed: 0 };
  expect(await admin.finish(again.id)).toMatchObject({ state: 'succeeded', counts });
  const elsewhere = await stack().workspace('round-2');
  await elsewhere.succeed('POST', '/v1/properties', { name: 'plan', type: 'string' });
  const other = await elsewhere.importFile(content, { mode: 'insert' });
  await elsewhere.finish(other.id);
  const rows = await stack().sql(
    `SELECT user_id, first_name, tags, properties, count(*)::int AS n FROM users
      WHERE workspace_id LIKE 'round%' GROUP BY 1, 2, 3, 4`,
  );
  expect(rows.map(({ n }: { n?: number }) => n)).toEqual([2, 2, 2, 2, 2, 2]);
});

test('a dry run has the same counts and changes no user', async () => {
  const admin = await workspaceWithUser('dry');
  const { id } = await admin.importFile(new Blob([FILE]), { mode: 'replace', dryRun: true });
  const job = await admin.finish(id);
  expect(job).toMatchObject({ state: 'partiallySucceeded', dryRun: true, counts: COUNTS });
  expect(await admin.succeed('GET', '/v1/users/u-1')).toMatchObject({ firstName: 'A.' });
  const log = (await admin.download(`/v1/imports/${id}/log`)).toString();
  expect(log).toContain('invalidDataType');
  const [mail] = (await stack().mails()).filter(({ text }) => text?.includes(id));
  expect(mail?.subject).toBe('Dry run of an import finished (dry)');
});

test('a cancelled import keeps and counts its imported users, and a retry imports the rest', async () => {
  const admin = await stack().workspace('stopped');
  const lines = 200_000;
  const file = `userId\n${Array.from({ length: lines }, (_, n) => `u-${n}\n`).join('')}`;
  const { id } = await admin.importFile(new Blob([file]), { mode: 'update', notify: false });
  const job = await admin.finish(id, ({ phase, progress }) => {
    if (phase !== 'importing' || !progress.processed) return;
    void admin.call('POST', `/v1/jobs/${id}/cancel`);
  });
  expect(job.state).toBe('cancelled');
  const { imported = 0, unprocessed = 0 } = job.counts ?? {};
  expect(imported).toBeGreaterThan(0);
  expect(unprocessed).toBeGreaterThan(0);
  expect(imported + unprocessed).toBe(lines);
  const [there] = await stack().sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM users WHERE workspace_id = 'stopped'`,
  );
  expect(there?.n).toBe(imported);
  const retry = await admin.succeed<{ id: string }>('POST', `/v1/jobs/${id}/retry`);
  expect(await admin.finish(retry.id)).toMatchObject({
    state: 'succeeded',
    retryOf: id,
    counts: { lines, imported: unprocessed, merged: imported, unchanged: imported },
  });
});

test('a file with an error in the middle fails its import, and no user is created', async () => {
  const admin = await stack().workspace('broken');
  const file = `userId,city\n${'u-1,x\n'.repeat(20_000)}u-2,"never ends\n`;
  const { id } = await admin.importFile(new Blob([file]), { mode: 'update' });
  const job = await admin.finish(id);
  expect(job).toMatchObject({ state: 'failed', error: { type: 'invalidCsv' } });
  expect(job.error?.message).toContain('Line 20002');
  expect(await admin.succeed('GET', '/v1/users')).toMatchObject({ data: [] });
  expect((await admin.call('POST', `/v1/jobs/${id}/retry`)).status).toBe(409);
});

test('after its file has expired, no failed line of an import is left, and its log answers 410', async () => {
  const admin = await workspaceWithUser('gone');
  const { id } = await admin.importFile(new Blob([FILE]), { mode: 'update', notify: false });
  await admin.finish(id);
  await stack().sql(
    `UPDATE import_files SET expires_at = now() WHERE id = (SELECT import_file_id FROM jobs WHERE id = $1)`,
    [id],
  );
  await triggerSchedule(stack().temporal, 'destroy-expired');
  await expect
    .poll(() => admin.succeed('GET', `/v1/jobs/${id}`))
    .toMatchObject({ erasedAt: expect.any(String), counts: COUNTS });
  expect((await admin.call('GET', `/v1/imports/${id}/log`)).status).toBe(410);
  const left = await stack().sql('SELECT FROM import_failures WHERE job_id = $1', [id]);
  expect(left).toEqual([]);
});
