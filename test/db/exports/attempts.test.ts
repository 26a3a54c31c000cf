import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import { getExport } from '../../../db/exports/exports.ts';
import { attemptPrefix } from '../../../files/part-key.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  useDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
  startExport,
  type DeletionSteps,
} from '../../support/steps/deletion.ts';
import { expectInvariants } from '../../support/database/invariants.ts';

/** An export may have several attempts, and an abandoned attempt may still be running. */

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

const finish = async (jobId: string, workspaceId: string, users: number) => {
  await steps.settle(jobId, 1);
  const result = await steps.finish({ jobId, end: { kind: 'completed' } });
  const { owner } = database();
  await expectInvariants({ owner, storageDir: steps.storageDir, workspaceId, users });
  return result;
};

/** Blocks the writing of one file, before its first byte, until it is released. */
const holdUp = (file: string) => {
  const { storage } = steps.deps;
  const { put } = storage;
  const hold = new EventEmitter();
  const isLetGo = once(hold, 'letGo');
  storage.put = async (key, content) => {
    if (key.includes(file)) {
      storage.put = put;
      hold.emit('reached');
      await isLetGo;
    }
    await put(key, content);
  };
  return { isReached: once(hold, 'reached'), letGo: () => hold.emit('letGo') };
};

const filesOf = (exportId: string, attempt: number) =>
  steps.deps.storage.list(attemptPrefix(exportId, attempt));

const exportOf = async (jobId: string) => {
  const { rows } = await asOwner(`SELECT id FROM exports WHERE job_id = '${jobId}'`);
  return (rows as { id: string }[])[0]!.id;
};

/**
 * A first attempt at a backup of five users, in a new workspace, that is blocked before its part.
 */
const holdUpFirstAttempt = async (id: string) => {
  const workspace = await seedWorkspace(database(), id, 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  await steps.enter(jobId, 'backingUp');
  const { isReached, letGo } = holdUp('/1/000001.');
  const written = steps.write(jobId);
  await isReached;
  return { jobId, exportId: await exportOf(jobId), written, letGo };
};

test.each(['written', 'verified', 'deleted'])(
  'an abandoned attempt that ends when the next is %s changes nothing and leaves no file',
  async (when) => {
    const id = `given-up-${when}`;
    const { jobId, exportId, written: givenUp, letGo } = await holdUpFirstAttempt(id);
    // The two attempts see different versions, and different numbers of users.
    await asOwner(`UPDATE users SET city = 'Pune' WHERE workspace_id = '${id}' AND user_id = 'u-2';
      UPDATE users SET country = 'FR' WHERE workspace_id = '${id}' AND user_id = 'u-4'`);
    const second = holdUp('/2/000001.');
    const winner = steps.write(jobId);
    await second.isReached;
    expect(await filesOf(exportId, 1), 'not swept while none has won').toHaveLength(1);
    second.letGo();
    expect(await winner).toEqual({ exportId, rows: 4 });
    expect(await filesOf(exportId, 1), 'swept once one has won').toEqual([]);

    const endGivenUp = async (now: string) => {
      if (now !== when) return;
      const before = await getExport(database().app.db, exportId);
      letGo();
      expect(await givenUp, 'answers with what is').toEqual({ exportId, rows: 4 });
      expect(await getExport(database().app.db, exportId)).toEqual(before);
      expect(before).toMatchObject({ attempt: 2, rows: 4 });
      expect(await filesOf(exportId, 1)).toEqual([]);
    };
    await endGivenUp('written');
    await steps.verify(exportId);
    await endGivenUp('verified');
    expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 4 });
    await endGivenUp('deleted');
    expect(await finish(jobId, id, 10)).toMatchObject({ state: 'succeeded', failures: 0 });
  },
);

test('an attempt whose parts are deleted while it reads them back fails, and its retry finds the finished attempt', async () => {
  const { jobId, exportId, written: winner, letGo } = await holdUpFirstAttempt('swept');

  const { storage } = steps.deps;
  const { get } = storage;
  storage.get = async (key, range) => {
    if (key.includes('/2/000001.')) {
      letGo();
      await winner;
    }
    return get(key, range);
  };
  try {
    const swept = await steps.write(jobId).catch(toFailure);
    expect(swept).toMatchObject({ type: 'storageBroken', nonRetryable: false });
    expect(await winner).toEqual({ exportId, rows: 5 });
    expect(await steps.write(jobId), 'tried again').toEqual({ exportId, rows: 5 });
  } finally {
    storage.get = get;
  }
  await steps.verify(exportId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 5 });
  expect(await finish(jobId, 'swept', 10)).toMatchObject({ state: 'succeeded', failures: 0 });
});

test('an abandoned attempt that ends first counts, and a retry of the next attempt finds it', async () => {
  const { jobId, exportId, written: givenUp, letGo } = await holdUpFirstAttempt('wins');

  const { storage } = steps.deps;
  const { put } = storage;
  const hold = new EventEmitter();
  const isLetGo = once(hold, 'letGo');
  storage.put = (key, content) => {
    const neverEnding = async function* () {
      yield* content;
      if (key.includes('/2/000001.')) await isLetGo;
    };
    return put(key, Readable.from(neverEnding()));
  };
  const next = steps.write(jobId).catch(toFailure);
  const partial = [expect.stringContaining('000000'), expect.stringContaining('.partial')];
  await expect.poll(() => filesOf(exportId, 2)).toEqual(partial);
  letGo();
  expect(await givenUp).toEqual({ exportId, rows: 5 });
  hold.emit('letGo');
  storage.put = put;
  expect(await next).toMatchObject({ type: 'storageBroken', nonRetryable: false });
  expect(await filesOf(exportId, 2)).toEqual([]);

  expect(await steps.backUp(jobId)).toEqual({ exportId, rows: 5 });
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 5 });
  expect(await finish(jobId, 'wins', 10)).toMatchObject({ state: 'succeeded', failures: 0 });
});

/** Loses each commit that is not on disk, as if PostgreSQL crashed after it and restarted. */
const losingCommits = (lanes: DeletionSteps['deps']['lanes']): DeletionSteps['deps']['lanes'] => {
  const connect = async () => {
    const client = await lanes.connect();
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    return Object.assign(client, {
      query: (text: unknown, ...rest: unknown[]) =>
        query(text === 'COMMIT' ? 'ROLLBACK' : text, ...rest),
    });
  };
  return new Proxy(lanes, {
    get: (pool, key) => (key === 'connect' ? connect : Reflect.get(pool, key, pool)),
  });
};

test('a deletion whose batches are lost in a crash fails, and a retry deletes their users', async () => {
  const workspace = await seedWorkspace(database(), 'taken-back', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  const { lanes } = steps.deps;
  steps.deps.lanes = losingCommits(lanes);
  try {
    await expect(steps.remove(jobId, exportId)).rejects.toThrow('were lost');
  } finally {
    steps.deps.lanes = lanes;
  }
  for (const client of await Promise.all([lanes.connect(), lanes.connect()])) {
    Reflect.deleteProperty(client, 'query');
    client.release();
  }
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 5 });
  expect(await finish(jobId, 'taken-back', 10)).toMatchObject({ state: 'succeeded', failures: 0 });
});

/**
 * An export of two parts. The holder of its snapshot is killed after it has written the first part.
 */
const killHolder = async (jobId: string) => {
  await steps.enter(jobId, 'exporting');
  const lane = holdUp('/1/000002.');
  // The holder takes the first part. It would also take the second if the lane were slow to join.
  const holder = holdUp('/1/000001.');
  const written = steps.write(jobId);
  await Promise.all([holder.isReached, lane.isReached]);
  holder.letGo();
  const exportId = await exportOf(jobId);
  const parts = async () => {
    const { rows } = await asOwner(
      `SELECT part FROM export_parts WHERE export_id = '${exportId}' ORDER BY part`,
    );
    return (rows as { part: number }[]).map(({ part }) => part);
  };
  await expect.poll(parts).toEqual([0, 1]);
  const { rowCount } = await asOwner(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%''(0,0)''%'`);
  expect(rowCount).toBe(1);
  lane.letGo();
  await expect(written).rejects.toThrow('onnection');
  expect(await parts(), 'the lane went on').toEqual([0, 1, 2]);
  const row = await getExport(database().app.db, exportId);
  expect(row).toMatchObject({ state: 'writing', attempt: null, rows: null });
  return exportId;
};

test('if the holder of the snapshot is killed while a lane continues, the attempt does not count', async () => {
  const workspace = await seedWorkspace(database(), 'held', 10);
  // Each row takes a page, so that there are more pages than in one part, and a lane joins the
  // holder.
  await asOwner(`ALTER TABLE users_held SET (fillfactor = 10);
    INSERT INTO users (workspace_id, user_id, country, first_name)
    SELECT 'held', 'far-' || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END, repeat('x', 900)
      FROM generate_series(1, 5000) n`);
  const downloadId = await startExport(database(), workspace);
  await killHolder(downloadId);
  expect(await steps.write(downloadId)).toMatchObject({ rows: 5010 });

  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 4005 });
  const exportId = await killHolder(jobId);
  await steps.enter(jobId, 'deleting');
  await expect(
    database().app.pool.query('SELECT delete_backed_up_users($1, 2, 0, 1000)', [exportId]),
  ).rejects.toMatchObject({ code: 'KS001' });
  expect(await steps.backUp(jobId)).toEqual({ exportId, rows: 4005 });
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 4005 });
  expect(await finish(jobId, 'held', 5010)).toMatchObject({ state: 'succeeded', failures: 0 });
});

test('two attempts that are recorded at the same time get different numbers', async () => {
  const workspace = await seedWorkspace(database(), 'numbers', 10);
  await asOwner(`CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
    CREATE TRIGGER late BEFORE INSERT ON export_attempts FOR EACH ROW EXECUTE FUNCTION late()`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  await steps.enter(jobId, 'backingUp');
  const written = await Promise.allSettled([steps.write(jobId), steps.write(jobId)]);
  await asOwner('DROP TRIGGER late ON export_attempts');
  expect(written.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  const { rows } = await asOwner(
    `SELECT attempt FROM export_attempts WHERE export_id = '${await exportOf(jobId)}' ORDER BY 1`,
  );
  expect(rows).toEqual([{ attempt: 1 }, { attempt: 2 }]);
});

test('a holder of a snapshot that is killed between its statements fails the attempt, not the process', async () => {
  const workspace = await seedWorkspace(database(), 'killed', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const uncaught: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  const { storage } = steps.deps;
  const { put } = storage;
  storage.put = async (key, content) => {
    await put(key, content);
    if (!key.includes('/000001.')) return;
    await asOwner(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE state = 'idle in transaction' AND datname = current_database()`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
  try {
    await steps.enter(jobId, 'backingUp');
    await expect(steps.write(jobId)).rejects.toThrow('onnection');
    storage.put = put;
    expect(uncaught).toEqual([]);
    expect(await steps.write(jobId)).toMatchObject({ rows: 5 });
  } finally {
    storage.put = put;
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
});
