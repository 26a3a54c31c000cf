import type pg from 'pg';
import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  useDeletionSteps,
  inIndia,
  outcomesOf,
  seedWorkspace,
  startDeletion,
  startExport,
} from '../../support/steps/deletion.ts';

/**
 * The table is locked before the snapshot is taken. In each trial, the table is rewritten just
 * before it is locked. With `after`, the snapshot is taken even before that, which is the wrong
 * order.
 */

const database = useDatabase();
const steps = useDeletionSteps(database);

type Order = 'before' | 'after';

const rewriteTable = () =>
  database().owner.pool.query(`ALTER TABLE users ALTER city TYPE text USING 'rewritten'`);

/** Writes an export whose table is rewritten just before its lock. */
const writeWaylaid = async (jobId: string, order: Order) => {
  const { lanes } = steps.deps;
  const connect = async (): Promise<pg.PoolClient> => {
    const client = await lanes.connect();
    const query = client.query.bind(client) as (
      text: unknown,
      values?: unknown[],
    ) => Promise<unknown>;
    const waylaid = async (text: unknown, values?: unknown[]): Promise<unknown> => {
      if (typeof text === 'string' && text.startsWith('LOCK TABLE')) {
        Reflect.deleteProperty(client, 'query');
        // The first query in a transaction takes its snapshot; BEGIN, SET and LOCK do not.
        if (order === 'after') await query('SELECT 1');
        await rewriteTable();
      }
      return query(text, values);
    };
    return Object.assign(client, { query: waylaid });
  };
  steps.deps.lanes = new Proxy(lanes, {
    get: (pool, key) => (key === 'connect' ? connect : Reflect.get(pool, key, pool)),
  });
  try {
    return await steps.write(jobId);
  } finally {
    steps.deps.lanes = lanes;
  }
};

const completed = { kind: 'completed' } as const;

test.each<[Order, number]>([
  ['before', 4],
  ['after', 0],
])(
  'if the table is locked %s the snapshot, a finished export of all users has %i of 4',
  async (order, rows) => {
    const workspace = await seedWorkspace(database(), `export-${order}`, 4);
    const jobId = await startExport(database(), workspace);
    const { exportId } = await writeWaylaid(jobId, order);
    expect(await steps.verify(exportId)).toMatchObject({ rows });
    expect(await steps.finish({ jobId, end: completed })).toMatchObject({ state: 'succeeded' });
  },
);

test.each<[Order, number]>([
  ['before', 2],
  ['after', 4],
])(
  'if the table is locked %s the snapshot, a finished deletion of 2 users leaves %i of 4',
  async (order, left) => {
    const workspace = await seedWorkspace(database(), `delete-${order}`, 4);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
    await steps.enter(jobId, 'backingUp');
    const { exportId } = await writeWaylaid(jobId, order);
    await steps.verify(exportId);
    await steps.remove(jobId, exportId);
    await steps.settle(jobId, 1);
    expect(await steps.finish({ jobId, end: completed })).toMatchObject({ state: 'succeeded' });
    expect(await countOf(database(), `delete-${order}`)).toBe(left);
    expect(await outcomesOf(database(), jobId)).toEqual({});
  },
);

/**
 * Users that match and whose stamp the snapshot sees, but that are not in the backup. By the stamp
 * alone they would be deleted; the list in the backup protects them.
 */
const vouchedUnread = async (exportId: string, workspaceId: string): Promise<string[]> => {
  const { rows } = await database().owner.pool.query<{ user_id: string }>(
    `SELECT user_id FROM "users_${workspaceId}" u JOIN export_attempts a ON a.export_id = $1
      WHERE country = 'IN' AND pg_visible_in_snapshot(u.written_in, a.snapshot)
        AND u.ctid <> ALL (ARRAY(SELECT unnest(tids) FROM export_parts WHERE export_id = $1))
      ORDER BY user_id`,
    [exportId],
  );
  return rows.map((row) => row.user_id);
};

test.each<[Order, string[]]>([
  ['before', []],
  ['after', ['u-2', 'u-4']],
])(
  'if the table is locked %s the snapshot, it sees the stamps of %j, but the backup lacks them',
  async (order, unread) => {
    const workspace = await seedWorkspace(database(), `unread-${order}`, 4);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
    await steps.enter(jobId, 'backingUp');
    const { exportId } = await writeWaylaid(jobId, order);
    expect(await vouchedUnread(exportId, `unread-${order}`)).toEqual(unread);
  },
);
