import { afterEach, expect, test } from 'vitest';
import { countLockWaits } from '../../support/database/lock-waits.ts';
import { useApi } from '../support.ts';

const api = useApi();

const query = (text: string, values: unknown[] = []) =>
  api().database.owner.pool.query(text, values);

interface Twin {
  request: [method: 'POST' | 'DELETE', path: string, body?: object];
  /** A table that the request reads after it has looked for its key. */
  readNext: string;
  /** What the job of the first request does before the second goes on. */
  meanwhile?: string;
}

/**
 * Sends the same request twice, so that the first is carried out between the lookup of the second
 * and its next read: the key of the first is hidden from that lookup.
 */
const sendTwice = async ({ request: [method, path, body], readNext, meanwhile }: Twin) => {
  const options = { headers: { 'idempotency-key': 'twin' }, ...(body && { body }) };
  const send = () => api().call(method, path, options);
  const first = await send();
  await query("UPDATE jobs SET idempotency_key = 'hidden' WHERE idempotency_key = 'twin'");
  const holder = await api().database.owner.pool.connect();
  await holder.query(`BEGIN; LOCK TABLE ${readNext} IN ACCESS EXCLUSIVE MODE`);
  const second = send();
  await expect.poll(() => countLockWaits(api().database.owner.pool)).toBe(1);
  await query("UPDATE jobs SET idempotency_key = 'twin' WHERE idempotency_key = 'hidden'");
  await holder.query(`${meanwhile ?? ''}; COMMIT`);
  holder.release();
  return [first, await second] as const;
};

afterEach(async () => {
  await query('UPDATE jobs SET idempotency_key = NULL, request_hash = NULL');
});

test('a confirmation whose twin used the preview a moment ago returns the job of the twin', async () => {
  await api().addUsers('one', 3, 'left');
  const filter = { field: 'userId', op: 'contains', value: 'left' };
  const { body: seen } = await api().call('POST', '/v1/deletion-previews', {
    body: { selection: { type: 'filter', filter } },
  });
  const body = { previewId: seen.id, confirm: { count: 3 }, reason: 'r' };
  const [first, second] = await sendTwice({
    request: ['POST', '/v1/deletions', body],
    readNext: 'previews',
  });
  expect([first.status, second.status, second.body.id]).toEqual([202, 202, first.body.id]);
});

test('a deletion of a user whom its twin has deleted a moment ago returns the job of the twin', async () => {
  const [first, second] = await sendTwice({
    request: ['DELETE', '/v1/users/left-00001'],
    readNext: 'users',
    meanwhile: "DELETE FROM users WHERE user_id = 'left-00001'",
  });
  expect([first.status, second.status, second.body.id]).toEqual([202, 202, first.body.id]);
});
