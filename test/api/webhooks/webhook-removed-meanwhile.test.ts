import { expect, test } from 'vitest';
import { countLockWaits } from '../../support/database/lock-waits.ts';
import { keyed, useWebhooks } from './webhooks-support.ts';

const { api, sql, create, endJob, settle } = useWebhooks();

const prepared = async () => {
  const { id } = await create();
  const deliveryId = await endJob(id);
  await settle(deliveryId, 'delivered');
  return {
    id,
    paths: {
      'a rotation': `/v1/webhooks/${id}/rotate-secret`,
      'a test': `/v1/webhooks/${id}/test`,
      'a replay': `/v1/webhooks/${id}/deliveries/${deliveryId}/replay`,
    },
  };
};

type Name = keyof Awaited<ReturnType<typeof prepared>>['paths'];

/** Sends a request that has read the webhook before the statement on it is committed. */
const sendDuring = async (statement: string, id: string, path: string, headers = {}) => {
  const { owner } = api().database;
  const holder = await owner.pool.connect();
  await holder.query('BEGIN');
  await holder.query(statement, [id]);
  const answer = api().call('POST', path, { headers });
  await expect.poll(() => countLockWaits(owner.pool)).toBe(1);
  await holder.query('COMMIT');
  holder.release();
  return answer;
};

const REMOVE = 'DELETE FROM webhooks WHERE id = $1';
const DISABLE =
  "UPDATE webhooks SET disabled_at = now(), disabled_reason = 'byAdmin' WHERE id = $1";

test.each<[Name, Record<string, string>]>([
  ['a rotation', {}],
  ['a rotation', keyed('key')],
  ['a test', {}],
  ['a test', keyed('key')],
  ['a replay', {}],
  ['a replay', keyed('key')],
])(
  '%s of a webhook that is removed meanwhile finds no webhook (headers %j)',
  async (name, headers) => {
    const { id, paths } = await prepared();
    const answer = await sendDuring(REMOVE, id, paths[name], headers);
    expect(answer).toMatchObject({ status: 404, body: { type: '/problems/not-found' } });
    expect(await sql('SELECT FROM webhook_calls')).toEqual([]);
  },
);

test.each<[Name]>([['a test'], ['a replay']])(
  '%s of a webhook that is disabled meanwhile is refused, and a repeated request gets its first answer',
  async (name) => {
    await sql('DELETE FROM webhook_calls');
    const { id, paths } = await prepared();
    const first = await api().call('POST', paths[name], { headers: keyed('once') });
    expect(first.status).toBe(202);
    await settle(String(first.body.id), 'delivered');
    const refused = await sendDuring(DISABLE, id, paths[name]);
    expect(refused).toMatchObject({ status: 409, body: { type: '/problems/wrong-state' } });
    const again = await api().call('POST', paths[name], { headers: keyed('once') });
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
  },
);
