import { parse } from 'csv-parse/sync';
import { beforeAll, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { type ActivityKind, recordActivity } from '../../../db/activity.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { makeJob } from '../../support/steps/export-rows.ts';
import { useApi } from '../support.ts';

const api = useApi();

const query = async (text: string, values: unknown[] = []) =>
  (await api().database.owner.pool.query(text, values)).rows;

let deletionId: string;
let exportId: string;
let secondKey: { id: string; shownId: string };

const SNEAKY = `=HYPERLINK("http://x"), "quoted"\nnext line`;

/** Lines in the order of their writing: from noon on, one second apart. */
const LINES: {
  kind: ActivityKind;
  by?: 'one' | 'platform' | 'second';
  job?: 'deletion' | 'export';
}[] = [
  { kind: 'exportStarted', by: 'one', job: 'export' },
  { kind: 'download' },
  { kind: 'deletionStarted', by: 'second', job: 'deletion' },
  { kind: 'deletionFinished', job: 'deletion' },
  { kind: 'backupHeld', by: 'platform' },
];

beforeAll(async () => {
  const { owner } = api().database;
  const keyId = api().keyIds.one;
  const second = { ownerName: '@Ada', ownerEmail: 'ADA@keys.example ', workspaceId: 'one' };
  secondKey = await createApiKey(owner.db, { role: 'admin', ...second });
  deletionId = await makeJob(owner.db, { workspaceId: 'one', keyId, type: 'deletion' });
  exportId = await makeJob(owner.db, { workspaceId: 'one', keyId });
  await query(`INSERT INTO outcomes VALUES ($1, 'u-1', 'held')`, [deletionId]);
  const keys = { one: keyId, platform: api().keyIds.platform, second: secondKey.id };
  for (const [index, { kind, by, job }] of LINES.entries()) {
    await query(
      `INSERT INTO activity (id, workspace_id, kind, actor_key_id, job_id, reason, counts, details, at)
       VALUES ($1, 'one', $2, $3, $4, $5, '{"users":2}', '{"sha256":"aa"}',
               '2030-01-01T12:00:00Z'::timestamptz + $6 * interval '1 s')`,
      [
        uuidv7(),
        kind,
        by === undefined ? null : keys[by],
        job === undefined ? null : { deletion: deletionId, export: exportId }[job],
        kind === 'deletionStarted' ? SNEAKY : null,
        index,
      ],
    );
  }
  await recordActivity(owner.db, { workspaceId: 'two', kind: 'download', reason: 'of two' });
});

/** Lines that these tests do not write: the database records each new key. */
const MADE = ['keyCreated', 'keyCreated'];

const list = async (parameters = '', key?: string) => {
  const answer = await api().call(
    'GET',
    `/v1/activity?${parameters}`,
    key === undefined ? {} : { key },
  );
  expect(answer.status).toBe(200);
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read every kind of answer
  return answer.body as { data: Record<string, any>[]; nextCursor: string | null };
};

const kindsOf = async (parameters: string) => (await list(parameters)).data.map(({ kind }) => kind);

const NEWEST_FIRST = [...LINES.map(({ kind }): string => kind).toReversed(), ...MADE];

test('every role reads the lines of a workspace, newest first, with actor, counts, details and links', async () => {
  const { keys, shownIds } = api();
  for (const [key, named] of [
    [keys.one, ''],
    [keys.platform, 'workspace=one'],
    [keys.ops, 'workspace=one'],
  ] as const) {
    expect((await list(named, key)).data.map(({ kind }) => kind)).toEqual(NEWEST_FIRST);
  }
  const [held, finished, started, download, exported] = (await list()).data;
  expect(held).toMatchObject({
    at: '2030-01-01T12:00:04.000Z',
    actor: { id: shownIds.platform, role: 'platform', ownerName: 'pia' },
    counts: { users: 2 },
    details: { sha256: 'aa' },
    jobId: null,
    links: {},
  });
  expect(finished).toMatchObject({
    actor: null,
    jobId: deletionId,
    links: { job: `/v1/deletions/${deletionId}`, log: `/v1/activity/${finished!['id']}/log` },
  });
  expect(started).toMatchObject({ reason: SNEAKY, actor: { id: secondKey.shownId } });
  expect(download).toMatchObject({ actor: null, reason: null });
  expect(exported!['links']).toEqual({ job: `/v1/exports/${exportId}` });
  const ofTwo = (await list('', keys.two)).data;
  expect(ofTwo.map(({ reason }) => reason)).toEqual(['of two', null]);
  expect(new Set(ofTwo.map(({ workspace }) => workspace))).toEqual(new Set(['two']));
});

test('a key that sees all workspaces reads the lines of all of them, and of keys without a workspace', async () => {
  const { keys, shownIds } = api();
  const { data } = await list('', keys.ops);
  expect(data.slice(0, LINES.length).map(({ kind }) => kind)).toEqual(
    NEWEST_FIRST.slice(0, LINES.length),
  );
  expect(new Set(data.map(({ workspace }) => workspace))).toEqual(new Set(['one', 'two', null]));
  const ofNone = data.filter(({ workspace }) => workspace === null);
  expect(ofNone.map(({ kind, actor, details }) => [kind, actor, details['keyId']])).toEqual([
    ['keyCreated', null, shownIds.ops],
    ['keyCreated', null, shownIds.platform],
  ]);
  const answer = await api().call('GET', '/v1/activity?format=csv&kind=keyCreated', {
    key: keys.ops,
  });
  expect(answer.headers['content-disposition']).toBe('attachment; filename="activity.csv"');
  const rows = parse<Record<string, string>>(answer.text, { columns: true });
  expect(rows.map(({ workspace }) => workspace)).toEqual(['one', '', '', 'two', 'one']);
});

test('lines are filtered by kind, key, person, job and time, alone and together', async () => {
  const { shownIds } = api();
  expect(await kindsOf('kind=download')).toEqual(['download']);
  expect(await kindsOf('kind=restoreStarted')).toEqual([]);
  const csv = await api().call('GET', '/v1/activity?format=csv&kind=download&kind=exportStarted');
  const lines = parse<Record<string, string>>(csv.text, { columns: true, bom: true });
  expect(lines.map(({ kind }) => kind)).toEqual(['download', 'exportStarted']);
  const several = 'kind=download&kind=deletionStarted&kind=exportStarted&kind=download';
  expect(await kindsOf(several)).toEqual(['deletionStarted', 'download', 'exportStarted']);
  expect(await kindsOf(`${several}&personKeyId=${shownIds.one}`)).toEqual([
    'deletionStarted',
    'exportStarted',
  ]);
  expect(await kindsOf(`actorKeyId=${shownIds.one}`)).toEqual(['exportStarted']);
  for (const key of [shownIds.one, secondKey.shownId]) {
    expect(await kindsOf(`personKeyId=${key}`)).toEqual(['deletionStarted', 'exportStarted']);
  }
  expect(await kindsOf(`jobId=${deletionId}`)).toEqual(['deletionFinished', 'deletionStarted']);
  expect(await kindsOf(`jobId=${deletionId}&actorKeyId=${secondKey.shownId}`)).toEqual([
    'deletionStarted',
  ]);
  expect(await kindsOf('from=2030-01-01T12:00:01Z&to=2030-01-01T12:00:03Z')).toEqual([
    'deletionStarted',
    'download',
  ]);
  expect(await kindsOf('from=2030-01-01T13:00:03%2B01:00')).toEqual([
    'backupHeld',
    'deletionFinished',
  ]);
});

test('pages list every line once', async () => {
  for (const limit of [1, 2, 4, 6, 7, 200]) {
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await list(`limit=${limit}${cursor}`);
      seen.push(...page.data.map(({ kind }) => kind));
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(NEWEST_FIRST);
  }
});

test('an invalid parameter is refused with a pointer to the parameter', async () => {
  for (const [parameters, pointer] of [
    ['kind=everything', '?kind'],
    ['kind=download&kind=everything', '?kind'],
    ['actorKeyId=ada', '?actorKeyId'],
    ['personKeyId=ada@keys.example', '?personKeyId'],
    ['jobId=1', '?jobId'],
    ['from=yesterday', '?from'],
    ['to=2030-02-30T00:00:00Z', '?to'],
    ['from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z', '?to'],
    ['format=xml', '?format'],
    ['cursor=x', '?cursor'],
    ['limit=0', '?limit'],
    ['order=asc', '?order'],
  ]) {
    const answer = await api().call('GET', `/v1/activity?${parameters}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  }
});

test('the CSV has the same lines, and no cell begins like a formula', async () => {
  const answer = await api().call('GET', '/v1/activity?format=csv&limit=1');
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^text\/csv/);
  expect(answer.headers['content-disposition']).toBe('attachment; filename="activity-one.csv"');
  const rows = parse<Record<string, string>>(answer.text, { columns: true });
  expect(rows.map(({ kind }) => kind)).toEqual(NEWEST_FIRST);
  expect(rows[2]).toMatchObject({
    at: '2030-01-01T12:00:02.000000Z',
    actorId: secondKey.shownId,
    actorRole: 'admin',
    actorName: "'@Ada",
    reason: `'${SNEAKY}`,
    jobId: deletionId,
    counts: '{"users": 2}',
  });
  expect(rows.every(({ workspace }) => workspace === 'one')).toBe(true);
  const all = parse(answer.text).flat();
  expect(all.filter((cell) => /^[-=+@\t\r]/.test(cell))).toEqual([]);
  const one = await api().call(
    'GET',
    `/v1/activity?format=csv&personKeyId=${secondKey.shownId}&kind=download`,
  );
  expect(one.text.trimEnd().split('\n')).toHaveLength(1);
});

test('the log of a line is the log of its job, for admins only: 404 without one, 410 once erased', async () => {
  const { call, keys } = api();
  const { data } = await list();
  const idOf = (kind: ActivityKind) => data.find((line) => line['kind'] === kind)!['id'] as string;
  const path = `/v1/activity/${idOf('deletionFinished')}/log`;
  const log = await call('GET', path);
  expect([log.status, log.text]).toEqual([200, '\uFEFFuserId,outcome,reason\nu-1,held,\n']);
  expect(log.headers['content-disposition']).toBe(
    `attachment; filename="deletion-${deletionId}.csv"`,
  );
  for (const kind of ['exportStarted', 'download', 'backupHeld'] as const) {
    expect((await call('GET', `/v1/activity/${idOf(kind)}/log`)).status).toBe(404);
  }
  expect((await call('GET', `/v1/activity/${uuidv7()}/log`)).status).toBe(404);
  expect((await call('GET', path, { key: keys.two })).status).toBe(404);
  for (const key of [keys.platform, keys.ops]) {
    expect((await call('GET', `${path}?workspace=one`, { key })).status).toBe(403);
  }
  await query('UPDATE jobs SET finished_at = now(), erased_at = now() WHERE id = $1', [deletionId]);
  expect((await call('GET', path)).body.type).toBe('/problems/gone');
  const finished = (await list('kind=deletionFinished')).data[0]!;
  expect(finished['links']).toEqual({ job: `/v1/deletions/${deletionId}` });
});
