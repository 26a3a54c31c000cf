import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { collectGarbage } from '../../support/collect-garbage.ts';
import { createRandom, spoil } from '../../support/http/hostile-bodies.ts';
import { useApi } from '../support.ts';

/** The larger number takes two minutes on one core. */
const COUNT = Number(
  process.env['HOSTILE_COUNT'] ?? (process.env['CI'] === undefined ? 10_000 : 100_000),
);
const AT_ONCE = 40;
const SEED = Number(process.env['HOSTILE_SEED'] ?? Date.now() % 1_000_000_000);
const MAX_GROWTH_BYTES = 32 * 1024 * 1024;

const api = useApi();

beforeAll(async () => {
  await api().addUsers('one', 200, 'u');
  await api().call('POST', '/v1/properties', { body: { name: 'plan', type: 'string' } });
});

const condition = { field: 'country', op: 'is', value: 'IN' };

interface Target {
  method: 'POST' | 'PATCH' | 'DELETE';
  url: string;
  status: number;
  body: Parameters<typeof spoil>[0];
}

/** Requests that succeed unchanged, so each refusal is caused by the damage. */
const TARGETS: readonly Target[] = [
  {
    method: 'POST',
    url: '/v1/deletion-previews',
    status: 201,
    body: { selection: { type: 'filter', filter: { and: [condition] }, excludeIds: ['u-9'] } },
  },
  {
    method: 'POST',
    url: '/v1/deletions',
    status: 202,
    body: { selection: { type: 'ids', ids: ['u-00001', 'u-00002'] }, reason: 'r', notify: false },
  },
  {
    method: 'POST',
    url: '/v1/exports',
    status: 202,
    body: { selection: { type: 'filter', filter: { not: condition } }, compression: 'gzip' },
  },
  {
    method: 'POST',
    url: '/v1/users',
    status: 200,
    body: [{ userId: 'new', email: 'a@b.example', tags: ['a'], properties: { plan: 'pro' } }],
  },
  {
    method: 'PATCH',
    url: '/v1/users/u-00001',
    status: 200,
    body: { firstName: 'changed', emailOptin: true, tags: ['a'], properties: { plan: 'pro' } },
  },
];

/** Routes that accept no body. */
const BODILESS: readonly Target[] = [
  { method: 'POST', url: `/v1/jobs/${uuidv7()}/cancel`, status: 404, body: { a: 'x', b: [1] } },
  { method: 'DELETE', url: '/v1/users/u-00003', status: 202, body: { a: 'x', b: [1] } },
];

const heapAfterCollection = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

/** A merge answers 200 even if every user in it was refused. */
const isRefusal = (kind: string, status: number, text: string): boolean => {
  if (kind === 'otherType' || kind === 'encoded') return status === 415;
  if (status !== 200) return status >= 400 && status < 500;
  const { data } = JSON.parse(text) as { data?: { outcome: string }[] };
  return data?.every(({ outcome }) => outcome === 'failed') === true;
};

const stateOf = async () => {
  const { rows } = await api().database.owner.pool.query(
    `SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM previews) AS previews,
            (SELECT string_agg(users::text, ',' ORDER BY user_id) FROM users) AS users`,
  );
  return rows[0];
};

/** Sends the body of a target with damage from the seed. @throws Error when it is not refused */
const attack = async (targets: readonly Target[], seed: number): Promise<void> => {
  const random = createRandom(seed);
  const target = targets[Math.floor(random() * targets.length)]!;
  const { kind, contentType, contentEncoding, body } = spoil(target.body, random);
  const response = await api().app.inject({
    method: target.method,
    url: target.url,
    headers: {
      authorization: `Bearer ${api().keys.one}`,
      'content-type': contentType,
      ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
    },
    payload: body,
  });
  if (isRefusal(kind, response.statusCode, response.body)) return;
  throw new Error(
    `${target.method} ${target.url} answered ${response.statusCode} ${response.body.slice(0, 500)} ` +
      `to ${kind} ${JSON.stringify(body.toString('latin1').slice(0, 500))}. ` +
      `Again with HOSTILE_SEED=${seed} npx vitest run test/api/http/hostile-bodies.test.ts`,
  );
};

test(`${COUNT} hostile bodies are refused, start no job, change no row, and leave no memory in use`, async () => {
  const before = await stateOf();
  const indexes = Array.from({ length: COUNT }, (_, index) => index).values();
  let heap = 0;
  const lane = async (): Promise<void> => {
    for (const index of indexes) {
      await attack(TARGETS, SEED + index);
      if (index % 1_000 === 0) api().log.length = 0;
      if (index === COUNT / 5) heap = heapAfterCollection();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  api().log.length = 0;
  expect(heapAfterCollection() - heap).toBeLessThan(MAX_GROWTH_BYTES);
  expect(await stateOf()).toEqual(before);
  expect(api().starter.started).toEqual([]);
}, 900_000);

test('bodies for routes without a body are refused too, also an empty list', async () => {
  const before = await stateOf();
  for (let index = 0; index < 1_000; index++) await attack(BODILESS, SEED + index);
  for (const { method, url } of BODILESS) {
    expect((await api().call(method, url, { body: [] })).status).toBe(400);
  }
  expect(await stateOf()).toEqual(before);
  expect(api().starter.started).toEqual([]);
});

test('each of these requests succeeds when its body is not damaged', async () => {
  for (const { method, url, status, body } of TARGETS) {
    const answer = await api().call(method, url, { body });
    expect({ url, status: answer.status, text: answer.text }).toMatchObject({ url, status });
    expect(answer.text).not.toContain('"failed"');
  }
});
