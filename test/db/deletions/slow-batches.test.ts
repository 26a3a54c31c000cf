import type { PoolClient } from 'pg';
import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import {
  inIndia,
  reasonsOf,
  seedWorkspace,
  startDeletion,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';

/**
 * Locks of others, or their triggers, make a batch slow. Then it waits only briefly, and takes
 * fewer users.
 */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

const onDelete = async (id: string, body: string): Promise<void> => {
  await asOwner(`CREATE FUNCTION ${id}_slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN ${body} RETURN OLD; END $$`);
  await asOwner(`CREATE TRIGGER slow BEFORE DELETE ON users_${id}
    FOR EACH ROW EXECUTE FUNCTION ${id}_slow()`);
};

/** Notices of triggers on the connections of the worker. */
const listen = (): { notices: string[]; stop: () => void } => {
  const notices: string[] = [];
  const onConnection = (client: PoolClient): void => {
    client.removeAllListeners('notice');
    client.on('notice', ({ message }) => notices.push(message ?? ''));
  };
  const { pool } = database().worker;
  pool.on('acquire', onConnection);
  return { notices, stop: () => pool.off('acquire', onConnection) };
};

test('after three rows of a slice have waited for a lock in vain, the next rows wait a millisecond', async () => {
  const workspace = await seedWorkspace(database(), 'waits', 400);
  await onDelete(
    'waits',
    `RAISE NOTICE '%', current_setting('lock_timeout');
     IF OLD.user_id <> 'u-2' THEN PERFORM pg_advisory_xact_lock(77); END IF;`,
  );
  const holder = await database().owner.pool.connect();
  await holder.query('BEGIN; SELECT pg_advisory_xact_lock(77)');
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 200 });
  const { exportId } = await steps.backUp(jobId);
  const { notices, stop } = listen();
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 1 });
  stop();
  // Of the last 200 notices, one for each row, the first is of u-2, which waits for no lock.
  expect(notices.slice(-200)).toEqual([...Array(4).fill('2s'), ...Array(196).fill('1ms')]);
  await steps.settle(jobId, 1, true);
  const reasons = Object.values(await reasonsOf(database(), jobId));
  expect(reasons).toEqual(Array(199).fill('failed locked'));
  await holder.query('ROLLBACK');
  holder.release();
});

test('a batch that takes too long is repeated with fewer users, and later batches grow again', async () => {
  const workspace = await seedWorkspace(database(), 'ended', 100);
  await asOwner('CREATE SEQUENCE ended_calls; GRANT USAGE ON ended_calls TO PUBLIC');
  // The first call is the rehearsal's. A sequence keeps its count when its transaction is rolled
  // back.
  await asOwner(`CREATE FUNCTION end_statement(pid int) RETURNS boolean LANGUAGE sql SECURITY DEFINER
    RETURN pg_cancel_backend(pid)`);
  await onDelete(
    'ended',
    `IF nextval('ended_calls') = 2 THEN
       PERFORM end_statement(pg_backend_pid());
       PERFORM pg_sleep(10);
     END IF;`,
  );
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 50 });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 50 });
  const { rows } = await database().owner.pool.query<{ cursor: number }>(
    'SELECT cursor FROM deletion_batches WHERE export_id = $1 ORDER BY cursor',
    [exportId],
  );
  expect(rows.map(({ cursor }) => cursor)).toEqual([0, 7, 16, 28, 43]);
});

test('a lane does not skip users because another lane holds a lock', async () => {
  const count = 50_010;
  const workspace = await seedWorkspace(database(), 'lanes', count);
  // Two parts. Ids are sorted as text, and the last ten are in the second part.
  const ids = Array.from({ length: count }, (_, n) => `u-${n + 1}`).toSorted();
  await asOwner(`INSERT INTO users (workspace_id, user_id, created_at)
    SELECT 'lanes', 'other-' || n, now() - interval '1 year'
    FROM generate_series(1, 10000) n`);
  // One lock for all rows, held until the batch commits. The first lane takes it, and holds it for
  // longer than the other lane waits.
  await onDelete(
    'lanes',
    `IF OLD.user_id = '${ids[50_000]}' THEN PERFORM pg_sleep(1); END IF;
     PERFORM pg_advisory_xact_lock(78);
     IF OLD.user_id = 'u-1' THEN PERFORM pg_sleep(15); END IF;`,
  );
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: count });
});

/** Users written one by one in subtransactions that have ended, while an old transaction runs. */
test('more than 10,000 users written in subtransactions are deleted in one pass, also row by row', async () => {
  const count = 12_000;
  const workspace = await seedWorkspace(database(), 'subs', 0);
  const writer = await database().owner.pool.connect();
  await writer.query('BEGIN; SELECT pg_current_xact_id()');
  await asOwner(`DO $$ BEGIN FOR n IN 1..${count} LOOP
      BEGIN INSERT INTO users (workspace_id, user_id) VALUES ('subs', 'u-' || n);
      EXCEPTION WHEN division_by_zero THEN NULL; END;
    END LOOP; END $$`);
  await asOwner(`INSERT INTO users (workspace_id, user_id, created_at)
    SELECT 'subs', 'other-' || n, now() - interval '1 year'
    FROM generate_series(1, 3000) n`);
  await onDelete('subs', `IF OLD.user_id = 'u-7' THEN RAISE EXCEPTION 'no'; END IF;`);
  const ids = Array.from({ length: count }, (_, n) => `u-${n + 1}`);
  const jobId = await startDeletion(database(), workspace, { ids });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: count - 1 });
  await writer.query('ROLLBACK');
  writer.release();
});
