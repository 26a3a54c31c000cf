import { beforeAll, beforeEach, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { createApiKey } from '../../../db/api-keys.ts';
import { finishJob } from '../../../db/jobs/job-runs.ts';
import { cancelJob, failUnstarted, insertJob } from '../../../db/jobs/jobs.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import { refusalCode } from '../../support/database/refusal-code.ts';
import { useDatabase } from '../../support/database/database.ts';

/** A delivery is written together with the end of its job, or neither is written. */

const database = useDatabase();
const keyIds: Record<'one' | 'two', string> = { one: '', two: '' };

const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database().owner.pool.query<Row>(text, values)).rows;

beforeAll(async () => {
  const { db } = database().owner;
  for (const id of ['one', 'two'] as const) {
    await createWorkspace(db, { id, name: id });
    const person = { workspaceId: id, ownerName: id, ownerEmail: `${id}@keys.example` };
    keyIds[id] = (await createApiKey(db, { role: 'admin', ...person })).id;
  }
});

beforeEach(() => sql('DELETE FROM webhooks'));

const addWebhook = async (
  workspaceId: 'one' | 'two' = 'one',
  types = ['job.succeeded', 'job.partiallySucceeded', 'job.failed', 'job.cancelled'],
): Promise<string> => {
  const id = uuidv7();
  await database().api.pool.query(
    `INSERT INTO webhooks (id, workspace_id, url, event_types, changed_by)
     VALUES ($1, $2, 'https://hooks.example/a?token=canary', $3, $4)`,
    [id, workspaceId, types, keyIds[workspaceId]],
  );
  return id;
};

const addJob = async (workspaceId: 'one' | 'two' = 'one'): Promise<string> => {
  const id = uuidv7();
  await insertJob(database().api.db, {
    id,
    workspaceId,
    type: 'export',
    selection: { type: 'all' },
    options: {},
    actorKeyId: keyIds[workspaceId],
  });
  return id;
};

const end = (jobId: string, state: 'succeeded' | 'partiallySucceeded' | 'failed' | 'cancelled') =>
  finishJob(database().worker.db, {
    jobId,
    workspaceId: 'one',
    type: 'export',
    result: { state, failures: 0 },
    counts: { selected: 1 },
  });

interface Delivery {
  id: string;
  webhook_id: string;
  event_type: string;
  state: string;
  attempts: number;
}
const deliveriesOf = (jobId: string) =>
  sql<Delivery>('SELECT * FROM webhook_deliveries WHERE job_id = $1 ORDER BY event_type', [jobId]);

test.each(['succeeded', 'partiallySucceeded', 'failed', 'cancelled'] as const)(
  'a job that ends as %s has a delivery for each webhook of its workspace, and for no other webhook',
  async (state) => {
    const webhooks = [await addWebhook(), await addWebhook()];
    await addWebhook('two');
    const jobId = await addJob();
    expect(await deliveriesOf(jobId)).toEqual([]);
    await end(jobId, state);
    const deliveries = await deliveriesOf(jobId);
    expect(deliveries.map(({ webhook_id }) => webhook_id).toSorted()).toEqual(webhooks.toSorted());
    expect(deliveries[0]).toMatchObject({
      event_type: `job.${state}`,
      state: 'pending',
      attempts: 0,
    });
  },
);

test('an end that is stored again writes no second delivery', async () => {
  await addWebhook();
  const jobId = await addJob();
  await Promise.all([end(jobId, 'succeeded'), end(jobId, 'failed'), end(jobId, 'succeeded')]);
  await end(jobId, 'failed');
  expect(await deliveriesOf(jobId)).toHaveLength(1);
});

test('a job that the API ends before it began has a delivery, too', async () => {
  await addWebhook();
  const [cancelled, unstarted] = [await addJob(), await addJob()];
  await cancelJob(database().api.db, { id: cancelled, actorKeyId: keyIds.one });
  await failUnstarted(database().api.db, unstarted, 'Temporal was away');
  expect(await deliveriesOf(cancelled)).toMatchObject([{ event_type: 'job.cancelled' }]);
  expect(await deliveriesOf(unstarted)).toMatchObject([{ event_type: 'job.failed' }]);
});

test('a running job that is being cancelled has no delivery before it has ended', async () => {
  await addWebhook();
  const jobId = await addJob();
  await sql(`UPDATE jobs SET state = 'running' WHERE id = $1`, [jobId]);
  await cancelJob(database().api.db, { id: jobId, actorKeyId: keyIds.one });
  expect(await deliveriesOf(jobId)).toEqual([]);
  await end(jobId, 'cancelled');
  expect(await deliveriesOf(jobId)).toMatchObject([{ event_type: 'job.cancelled' }]);
});

test('an end that is rolled back leaves no delivery', async () => {
  await addWebhook();
  const jobId = await addJob();
  const client = await database().worker.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`UPDATE jobs SET state = 'failed', finished_at = now() WHERE id = $1`, [
      jobId,
    ]);
    const { rows } = await client.query('SELECT FROM webhook_deliveries WHERE job_id = $1', [
      jobId,
    ]);
    expect(rows).toHaveLength(1);
    await client.query('ROLLBACK');
  } finally {
    client.release();
  }
  expect(await deliveriesOf(jobId)).toEqual([]);
});

test('a webhook has no delivery if it is off, or is not subscribed to the type', async () => {
  await addWebhook('one', ['job.failed']);
  const off = await addWebhook();
  await sql(`UPDATE webhooks SET disabled_at = now(), disabled_reason = 'byAdmin' WHERE id = $1`, [
    off,
  ]);
  const jobId = await addJob();
  await end(jobId, 'succeeded');
  expect(await deliveriesOf(jobId)).toEqual([]);
});

test('the removal of a webhook at the same time does not prevent the end of a job', async () => {
  const id = await addWebhook();
  const jobId = await addJob();
  const remover = await database().api.pool.connect();
  try {
    await remover.query('BEGIN');
    await remover.query('DELETE FROM webhooks WHERE id = $1', [id]);
    const ending = end(jobId, 'succeeded');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await remover.query('COMMIT');
    expect(await ending).toMatchObject({ state: 'succeeded' });
  } finally {
    remover.release();
  }
  expect(await deliveriesOf(jobId)).toEqual([]);
});

test('the deliveries of a webhook are removed with it, and the activity log records its removal', async () => {
  const id = await addWebhook();
  const jobId = await addJob();
  await end(jobId, 'succeeded');
  await database().api.pool.query('DELETE FROM webhooks WHERE id = $1', [id]);
  expect(await deliveriesOf(jobId)).toEqual([]);
  const lines = await sql<{ kind: string; actor_key_id: string; details: object }>(
    `SELECT * FROM activity WHERE details->>'webhookId' = $1 ORDER BY at`,
    [id],
  );
  expect(lines).toMatchObject([
    { kind: 'webhookCreated', actor_key_id: keyIds.one, details: { host: 'hooks.example' } },
    { kind: 'webhookDeleted', actor_key_id: keyIds.one },
  ]);
  expect(JSON.stringify(lines)).not.toContain('canary');
});

const codeOf = (role: 'api' | 'worker', text: string) => refusalCode(database(), role, text);

test('only the worker reads a secret, and neither role can forge a delivery', async () => {
  const id = await addWebhook();
  await database().api.pool.query(
    `INSERT INTO webhook_secrets (id, webhook_id, secret) VALUES ($1, $2, 'whsec_canary')`,
    [uuidv7(), id],
  );
  const DENIED = '42501';
  expect(
    await codeOf('api', 'SELECT id, created_at, expires_at FROM webhook_secrets'),
  ).toBeUndefined();
  expect(await codeOf('worker', 'SELECT secret FROM webhook_secrets')).toBeUndefined();
  const refused: ['api' | 'worker', string][] = [
    ['api', 'SELECT secret FROM webhook_secrets'],
    ['api', `SELECT FROM webhook_secrets WHERE secret LIKE 'whsec_c%'`],
    ['api', 'UPDATE webhook_secrets SET expires_at = NULL RETURNING secret'],
    ['api', `UPDATE webhook_secrets SET secret = 'x'`],
    [
      'api',
      `INSERT INTO webhook_deliveries (id, webhook_id, event_type) VALUES (gen_random_uuid(), '${id}', 'job.failed')`,
    ],
    ['api', 'DELETE FROM webhook_deliveries'],
    ['worker', `UPDATE webhooks SET url = 'https://x.example'`],
    ['worker', 'DELETE FROM webhooks'],
    [
      'worker',
      `INSERT INTO webhook_secrets (id, webhook_id, secret) VALUES (gen_random_uuid(), '${id}', 'x')`,
    ],
    [
      'worker',
      `INSERT INTO webhook_deliveries (id, webhook_id) VALUES (gen_random_uuid(), '${id}')`,
    ],
  ];
  for (const [role, text] of refused) {
    expect({ role, text, code: await codeOf(role, text) }).toEqual({ role, text, code: DENIED });
  }
});

test('the API can neither set the result of a delivery nor extend the life of a secret', async () => {
  const id = await addWebhook();
  const jobId = await addJob();
  await end(jobId, 'succeeded');
  await database().api.pool.query(
    `INSERT INTO webhook_secrets (id, webhook_id, secret) VALUES ($1, $2, 'whsec_canary')`,
    [uuidv7(), id],
  );
  await sql('UPDATE webhook_secrets SET expires_at = now() WHERE webhook_id = $1', [id]);
  const of = `WHERE job_id = '${jobId}'`;
  for (const text of [
    `UPDATE webhook_deliveries SET state = 'delivered', finished_at = now(), next_attempt_at = NULL ${of}`,
    `UPDATE webhook_deliveries SET state = 'failed', finished_at = now(), next_attempt_at = NULL ${of}`,
    `UPDATE webhook_deliveries SET next_attempt_at = now() + interval '9 days' ${of}`,
    `UPDATE webhook_deliveries SET round = 9 ${of}`,
    `UPDATE webhook_secrets SET expires_at = NULL WHERE webhook_id = '${id}'`,
    `UPDATE webhook_secrets SET expires_at = now() + interval '1 day' WHERE webhook_id = '${id}'`,
  ]) {
    expect({ text, code: await codeOf('api', text) }).toEqual({ text, code: '23001' });
  }
});
