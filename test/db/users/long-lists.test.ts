import { Kysely, PostgresDialect } from 'kysely';
import { beforeAll, expect, test } from 'vitest';
import { listActivity } from '../../../db/activity-log.ts';
import { createApiKey } from '../../../db/api-keys.ts';
import { listBackups } from '../../../db/exports/backups.ts';
import type { Db } from '../../../db/client.ts';
import { type JobPage, listJobs } from '../../../db/jobs/job-list.ts';
import type { Schema } from '../../../db/schema.ts';
import { createWorkspace, describeWorkspaces } from '../../../db/workspaces.ts';
import { useDatabase } from '../../support/database/database.ts';

/**
 * The cost of a page in a database with many jobs: each list uses an index, and reads little more
 * than it shows.
 */

const database = useDatabase();

const JOBS = 100_000;
const LIMIT = 51;
/** A page reads the newest jobs of each type and state, then reads each shown job once more. */
const MOST_READ = 32 * LIMIT + LIMIT;

interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Node[];
}

const shown: Record<'busy' | 'rare', string> = { busy: '', rare: '' };
let middle = '';

const query = async <Row>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database().owner.pool.query(text, values)).rows as Row[];

const makeKey = async (name: string) => {
  const owner = { ownerName: name, ownerEmail: `${name}@keys.example` };
  return createApiKey(database().owner.db, { role: 'ops', workspaceId: null, ...owner });
};

beforeAll(async () => {
  const { db } = database().owner;
  for (const id of ['one', 'two', 'three']) await createWorkspace(db, { id, name: id });
  const [busy, rare] = [await makeKey('busy'), await makeKey('rare')];
  Object.assign(shown, { busy: busy.shownId, rare: rare.shownId });
  // Nearly all jobs are exports that succeeded. Restores, failures and the jobs of the rare key are
  // few and old. The statistics do not include them, because ANALYZE reads a sample.
  const addJobs = async (first: number, last: number) => {
    await query(
      `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, created_at, finished_at)
       SELECT new_id(), CASE WHEN n % 1000 = 0 THEN 'two' ELSE 'one' END,
              CASE WHEN n < 20 THEN 'restore' ELSE 'export' END,
              CASE WHEN n < 40 AND n % 2 = 0 THEN 'failed' WHEN n < 40 THEN 'cancelled' ELSE 'succeeded' END,
              '{"type": "all"}', CASE WHEN n < 10 THEN $1::uuid ELSE $2::uuid END,
              '2030-01-01T00:00:00Z'::timestamptz + n * interval '1 minute', now()
         FROM generate_series($3::int, $4::int) AS n`,
      [rare.id, busy.id, first, last],
    );
    const added = `jobs WHERE created_at BETWEEN '2030-01-01T00:00:00Z'::timestamptz + ${first} * interval '1 minute'
                          AND '2030-01-01T00:00:00Z'::timestamptz + ${last} * interval '1 minute'`;
    await query(
      `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, expires_at, created_at)
       SELECT new_id(), id, workspace_id, CASE WHEN type = 'restore' THEN 'backup' ELSE 'download' END, 1, 'zstd',
              now() + interval '1 day', created_at FROM ${added}`,
    );
    await query(
      `INSERT INTO activity (id, workspace_id, kind, actor_key_id, job_id, at)
       SELECT new_id(), workspace_id, CASE WHEN type = 'restore' THEN 'backupHeld' ELSE 'exportStarted' END,
              actor_key_id, id, created_at FROM ${added}`,
    );
  };
  await addJobs(40, JOBS);
  await query('ANALYZE jobs, exports, activity');
  await addJobs(1, 39);
  const [row] = await query<{ id: string }>(
    `SELECT id FROM jobs ORDER BY created_at LIMIT 1 OFFSET ${JOBS / 2}`,
  );
  middle = row!.id;
});

/**
 * Number of rows of large tables that the statements of a call read, and whether any statement
 * scanned a whole table.
 */
const readBy = async (call: (db: Db) => Promise<unknown>) => {
  const { pool } = database().api;
  const asked: { sql: string; parameters: readonly unknown[] }[] = [];
  const db = new Kysely<Schema>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query: { sql, parameters } }) => void asked.push({ sql, parameters }),
  });
  await call(db);
  const read = { rows: 0, whole: [] as string[] };
  const visit = (node: Node): void => {
    const table = node['Relation Name'] ?? '';
    if (['jobs', 'exports', 'activity', 'users'].includes(table)) {
      read.rows +=
        (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
      if (node['Node Type'] === 'Seq Scan') read.whole.push(table);
    }
    for (const child of node.Plans ?? []) visit(child);
  };
  for (const { sql, parameters } of asked) {
    const { rows } = await pool.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, [...parameters]);
    visit(rows[0]['QUERY PLAN'][0].Plan as Node);
  }
  return read;
};

/**
 * The workspaces (null for all) in which a list scans a whole table, or reads far more than a page.
 */
const costlyIn = async (list: (db: Db, workspaceId: string | null) => Promise<unknown>) => {
  const costly: unknown[] = [];
  for (const workspaceId of ['one', 'two', 'three', null]) {
    const read = await readBy((db) => list(db, workspaceId));
    if (read.whole.length > 0 || read.rows > MOST_READ) costly.push({ workspaceId, ...read });
  }
  return costly;
};

const QUERIES: Record<string, () => Omit<JobPage, 'workspaceId' | 'limit'>> = {
  'all jobs': () => ({}),
  'a state that few have': () => ({ states: ['failed'] }),
  'several states': () => ({ states: ['failed', 'cancelled', 'running'] }),
  'a state that most have': () => ({ states: ['succeeded'] }),
  'a type that few have': () => ({ types: ['restore'] }),
  'several types': () => ({ types: ['restore', 'import'] }),
  'a type and a state': () => ({ types: ['restore'], states: ['failed'] }),
  'those that may be retried': () => ({ retryable: true }),
  'a key that did little': () => ({ actorKeyId: shown.rare }),
  'a key that did most': () => ({ actorKeyId: shown.busy }),
  'a person who did little': () => ({ personKeyId: shown.rare }),
  'a key and a state': () => ({ actorKeyId: shown.rare, states: ['failed'] }),
  'a period long ago': () => ({ from: '2030-01-01T01:00:00Z', to: '2030-01-01T02:00:00Z' }),
  'a period and states': () => ({ to: '2030-01-01T02:00:00Z', states: ['failed', 'succeeded'] }),
  'a page in the middle': () => ({ beforeId: middle }),
  'a page in the middle, of states': () => ({ beforeId: middle, states: ['failed', 'succeeded'] }),
};

test.each(Object.keys(QUERIES))(
  'a list of 100,000 jobs, %s, uses an index, in one workspace and in all',
  async (name) => {
    const query = { ...QUERIES[name]!(), limit: LIMIT };
    expect(await costlyIn((db, workspaceId) => listJobs(db, { workspaceId, ...query }))).toEqual(
      [],
    );
  },
);

test.each([
  ['all', () => ({})],
  ['a kind of which there are few', () => ({ kinds: ['backupHeld' as const] })],
  ['several kinds', () => ({ kinds: ['backupHeld' as const, 'keyCreated' as const] })],
  ['a key that did little', () => ({ actorKeyId: shown.rare })],
  ['a person who did little', () => ({ personKeyId: shown.rare })],
  ['a period', () => ({ from: '2030-01-01T01:00:00Z', to: '2030-01-01T02:00:00Z' })],
] as const)('a list of 100,000 lines of activity, %s, uses an index', async (_, filterOf) => {
  const list = (db: Db, workspaceId: string | null) =>
    listActivity(db, { workspaceId, ...filterOf() }, { limit: LIMIT });
  expect(await costlyIn(list)).toEqual([]);
});

test.each([
  ['all', () => ({})],
  ['of one deletion', () => ({ deletionId: middle })],
] as const)(
  'a list of few backups among 100,000 exports, %s, uses an index',
  async (_, filterOf) => {
    const list = (db: Db, workspaceId: string | null) =>
      listBackups(db, { workspaceId, ...filterOf(), limit: LIMIT });
    expect(await costlyIn(list)).toEqual([]);
  },
);

test('the list of workspaces reads neither their users nor ended jobs', async () => {
  const read = await readBy((db) => describeWorkspaces(db, { workspaceId: null, limit: LIMIT }));
  expect(read).toEqual({ rows: 0, whole: [] });
});
