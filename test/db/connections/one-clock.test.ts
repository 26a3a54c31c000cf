import { Readable, Writable } from 'node:stream';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import { afterEach, expect, test, vi } from 'vitest';
import { createDestroyExpired } from '../../../activities/expiry/destroy-expired.ts';
import { toFailure } from '../../../activities/failures.ts';
import { assertClock, measureClockSkew } from '../../../db/connections/clock.ts';
import { createLink, revokeLink } from '../../../db/exports/download-links.ts';
import { expireExport } from '../../../db/exports/removals.ts';
import { importKey } from '../../../files/import-key.ts';
import { startHeartbeat } from '../../../worker/heartbeat.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  failureOf,
  inIndia,
  seedWorkspace,
  startDeletion,
  startExport,
  useDeletionSteps,
} from '../../support/steps/deletion.ts';
import { waitFor } from '../../support/wait.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Shifts this process's clock until the test ends. */
const setClockOff = (ms: number): void => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
};

afterEach(async () => {
  vi.useRealTimers();
  await asOwner('UPDATE expiry_watch SET watched_to = now(), stepped_at = now()');
});

const asOwner = (text: string, values: unknown[] = []) => database().owner.pool.query(text, values);

/** A timestamp of a row, in days from the database's present time. */
const daysTo = async (column: string, table: string, id: string): Promise<number> => {
  const { rows } = await asOwner(
    `SELECT round(extract(epoch FROM ${column} - now()) / 86400)::int AS days FROM ${table} WHERE id = $1`,
    [id],
  );
  return rows[0].days as number;
};

const destroyExpired = () =>
  createDestroyExpired(steps.deps)(undefined, new AbortController().signal);

test.each([
  ['slow', -31],
  ['fast', 31],
])(
  'files of a worker whose clock is 31 days %s live as long as other files',
  async (name, days) => {
    const workspace = await seedWorkspace(database(), `clock-${name}`, 4);
    setClockOff(days * DAY_MS);
    const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
    const { exportId } = await steps.backUp(deletion);
    const download = await startExport(database(), workspace);
    await steps.verify((await steps.write(download)).exportId);
    for (const jobId of [deletion, download]) {
      await steps.finish({ jobId, end: { kind: 'cancelled' } });
    }
    expect(await daysTo('expires_at', 'exports', exportId)).toBe(30);
    expect(await daysTo('expires_at', 'exports', download)).toBe(7);
    expect(await daysTo('verified_at', 'exports', exportId)).toBe(0);
    // If two clocks differ, it is not known which one is right.
    await expect(destroyExpired()).rejects.toMatchObject({ code: 'clocksDiffer' });
    vi.useRealTimers();
    expect(await destroyExpired()).toMatchObject({ removed: 0 });
    setClockOff(days * DAY_MS);

    const { db } = database().app;
    const link = await createLink(db, { exportId, createdBy: workspace.keyId, hours: 48 });
    expect(await daysTo('expires_at', 'download_links', link!.id)).toBe(2);
    await db.transaction().execute((trx) => revokeLink(trx, { exportId, linkId: link!.id }));
    expect(await daysTo('revoked_at', 'download_links', link!.id)).toBe(0);
  },
);

test('a worker with a fast clock does not sweep the upload of a running request', async () => {
  const key = importKey(uuidv7());
  await steps.deps.storage.put(key, Readable.from([Buffer.from('userId\n')]));
  setClockOff(31 * DAY_MS);
  await expect(destroyExpired()).rejects.toMatchObject({ code: 'clocksDiffer' });
  vi.useRealTimers();
  setClockOff(MINUTE_MS);
  await destroyExpired();
  expect(await steps.deps.storage.list('imports')).toEqual([key]);
});

/** An expired backup whose job has ended. @returns its id */
const expiredBackup = async (name: string): Promise<string> => {
  const workspace = await seedWorkspace(database(), name, 4);
  const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const { exportId } = await steps.backUp(deletion);
  await steps.finish({ jobId: deletion, end: { kind: 'cancelled' } });
  await asOwner(`UPDATE exports SET expires_at = now() - interval '1 hour' WHERE id = $1`, [
    exportId,
  ]);
  return exportId;
};

test('if the clock of the database jumps ahead, no backup is destroyed', async () => {
  const exportId = await expiredBackup('jumped');
  // To this process, the database seems to be 31 days ahead.
  setClockOff(-31 * DAY_MS);
  await expect(destroyExpired()).rejects.toMatchObject({ code: 'clocksDiffer' });
  const { rows } = await asOwner('SELECT state FROM exports WHERE id = $1', [exportId]);
  expect(rows).toEqual([{ state: 'verified' }]);
});

const watchedTo = async (): Promise<string> => {
  const { rows } = await asOwner('SELECT watched_to::text FROM expiry_watch');
  return (rows as { watched_to: string }[])[0]?.watched_to ?? '';
};

/** Sets the watched time and its last step. @returns whether the backup is destroyed by a run */
const runsAt = async (exportId: string, watched: string, stepped: string): Promise<boolean> => {
  await asOwner(`UPDATE expiry_watch SET watched_to = now() + interval '${watched}',
    stepped_at = now() + interval '${stepped}'`);
  await destroyExpired();
  const { rows } = await asOwner('SELECT state FROM exports WHERE id = $1', [exportId]);
  return (rows as { state: string }[])[0]?.state === 'removed';
};

test('if all clocks jump ahead together, backups are destroyed only step by step', async () => {
  const exportId = await expiredBackup('together');
  await asOwner(`UPDATE exports SET expires_at = now() - interval '3 days' WHERE id = $1`, [
    exportId,
  ]);
  // The clock was 31 days behind at the last run.
  expect(await runsAt(exportId, '-31 days', '-1 hour')).toBe(false);
  const first = await watchedTo();
  await destroyExpired();
  expect(await watchedTo()).toBe(first);
  // Half an hour later it moves on, by four hours.
  await asOwner(`UPDATE expiry_watch SET stepped_at = stepped_at - interval '31 minutes'`);
  await destroyExpired();
  const { rows } = await asOwner('SELECT watched_to - $1::timestamptz AS moved FROM expiry_watch', [
    first,
  ]);
  expect(rows).toMatchObject([{ moved: { hours: 4 } }]);
  expect(await runsAt(exportId, '-3 days -5 hours', '-1 hour')).toBe(false);
  expect(await runsAt(exportId, '-3 days -1 hour', '-1 hour')).toBe(true);
});

test('the watched time follows the clock, and stays where it is if the clock is set back by hours', async () => {
  const exportId = await expiredBackup('following');
  // After an hour, it is at the clock again.
  expect(await runsAt(exportId, '-61 minutes', '-1 hour')).toBe(true);
  await runsAt(exportId, '23 hours', '23 hours');
  const { rows } = await asOwner(
    `SELECT watched_to > now() + interval '22 hours' AS stays FROM expiry_watch`,
  );
  expect(rows).toEqual([{ stays: true }]);
});

const refusal = { type: 'clockWentBack', nonRetryable: false };

test('while the clock is days behind, no user is deleted and no file is removed', async () => {
  const expired = await expiredBackup('behind-files');
  const workspace = await seedWorkspace(database(), 'behind', 4);
  const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const { exportId } = await steps.backUp(deletion);
  // By the right clock, this backup expired yesterday.
  await asOwner(`UPDATE expiry_watch SET watched_to = now() + interval '31 days'`);
  const before = await watchedTo();
  expect(await failureOf(steps.remove(deletion, exportId))).toMatchObject(refusal);
  expect(await failureOf(destroyExpired())).toMatchObject(refusal);
  expect(await watchedTo()).toBe(before);
  expect(await countOf(database(), workspace.workspaceId)).toBe(4);
  const { rows } = await asOwner('SELECT state FROM exports WHERE id = $1', [expired]);
  expect(rows).toEqual([{ state: 'verified' }]);
  // The clock was ahead before, and is right now: the message names this statement.
  await asOwner('UPDATE expiry_watch SET watched_to = now()');
  expect(await steps.remove(deletion, exportId)).toEqual({ deleted: 2 });
  expect(await destroyExpired()).toMatchObject({ removed: 1 });
});

test('without its watched time the service deletes no user and removes no file', async () => {
  const workspace = await seedWorkspace(database(), 'unwatched', 4);
  const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const { exportId } = await steps.backUp(deletion);
  await asOwner('DELETE FROM expiry_watch');
  expect(await failureOf(steps.remove(deletion, exportId))).toMatchObject(refusal);
  expect(await failureOf(destroyExpired())).toMatchObject(refusal);
  await asOwner('INSERT INTO expiry_watch (watched_to, stepped_at) VALUES (now(), now())');
  expect(await steps.remove(deletion, exportId)).toEqual({ deleted: 2 });
});

test('the database refuses to remove a backup that expired after the watched time', async () => {
  const exportId = await expiredBackup('refused');
  await asOwner(`UPDATE expiry_watch SET watched_to = now() - interval '2 hours'`);
  const { db } = database().worker;
  await expect(
    db.updateTable('exports').set({ state: 'removed' }).where('id', '=', exportId).execute(),
  ).rejects.toMatchObject({ message: expect.stringContaining('has not expired') });
  expect(await expireExport(db, exportId)).toBe(false);
});

test('a clock that jumps between the check and the expiry of a backup is detected before the expiry', async () => {
  const exportId = await expiredBackup('jumping');
  setClockOff(-31 * DAY_MS);
  const { db } = database().app;
  await expect(expireExport(db, exportId)).rejects.toMatchObject({ code: 'clocksDiffer' });
  vi.useRealTimers();
  expect(await expireExport(db, exportId)).toBe(true);
});

test('no row is inserted already expired, but a row may be ended early', async () => {
  const { workspaceId, keyId } = await seedWorkspace(database(), 'born', 2);
  const jobId = await startExport(database(), { workspaceId, keyId });
  const { exportId } = await steps.write(jobId);
  const inserts: Record<string, [text: string, values: unknown[]]> = {
    exports: [
      `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, expires_at)
       VALUES ($1, $2, $3, 'download', 2, 'gzip', `,
      [jobId, workspaceId],
    ],
    download_links: [
      'INSERT INTO download_links (id, export_id, created_by, expires_at) VALUES ($1, $2, $3, ',
      [exportId, keyId],
    ],
    import_files: [
      "INSERT INTO import_files (id, workspace_id, bytes, sha256, expires_at) VALUES ($1, $2, 1, 'x', ",
      [workspaceId],
    ],
    previews: [
      `INSERT INTO previews (id, workspace_id, actor_key_id, selection, count, held, snapshot, expires_at)
       VALUES ($1, $2, $3, '{"type": "ids"}', 0, 0, pg_current_snapshot(), `,
      [workspaceId, keyId],
    ],
  };
  for (const [table, [text, values]] of Object.entries(inserts)) {
    const add = (expiry: string) => {
      const id = uuidv7();
      return asOwner(`${text} ${expiry})`, [id, ...values]).then(() => id);
    };
    for (const past of ["now() - interval '1 day'", 'now()']) {
      const error = await add(past).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: '23514', table, constraint: 'not_born_expired' });
      expect(toFailure(error).message).toContain('SQLSTATE 23514');
    }
    const id = await add("now() + interval '1 minute'");
    const ended = asOwner(`UPDATE ${table} SET expires_at = now() WHERE id = $1`, [id]);
    await expect(ended).resolves.toMatchObject({ rowCount: 1 });
  }
});

test('an expired backup gets links if it is held, and none if it is not held', async () => {
  const workspace = await seedWorkspace(database(), 'held-link', 4);
  const deletion = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const { exportId } = await steps.backUp(deletion);
  const { db } = database().app;
  const wanted = { exportId, createdBy: workspace.keyId, hours: 24 };
  const expire = 'UPDATE exports SET expires_at = now(), legal_hold = $2 WHERE id = $1';
  await asOwner(expire, [exportId, true]);
  const link = await createLink(db, wanted);
  expect(await daysTo('expires_at', 'download_links', link!.id)).toBe(1);
  await asOwner(expire, [exportId, false]);
  expect(await createLink(db, wanted)).toBeUndefined();
});

test('the time of the database is compared with the middle of the round trip', async () => {
  const ours = [1_000, 5_000];
  const skew = await measureClockSkew(
    async () => 2_500,
    () => ours.shift()!,
  );
  expect(skew).toBe(0.5);
});

test('clocks may differ by 100 seconds, but not by 3 minutes', async () => {
  const { db } = database().app;
  const off = (ms: number) => assertClock(db, () => Date.now() + ms);
  await expect(off(-100_000)).resolves.toBeUndefined();
  await expect(off(100_000)).resolves.toBeUndefined();
  await expect(off(-31 * DAY_MS)).rejects.toThrow(
    /^The clock here is 26784\d\d s behind the clock of the database; at most 120 s are allowed: set both by NTP/,
  );
  await expect(off(3 * MINUTE_MS)).rejects.toMatchObject({
    code: 'clocksDiffer',
    message: expect.stringContaining('ahead of') as string,
  });
});

test('a clock that drifts while the worker runs is logged once, and measured at each heartbeat', async () => {
  const lines: { level: number; msg: string }[] = [];
  const sink = new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push(JSON.parse(line.toString()) as { level: number; msg: string });
      done();
    },
  });
  let drift = 0;
  const skews: number[] = [];
  const heartbeat = startHeartbeat({
    db: database().app.db,
    workerId: 'drifting',
    taskQueue: 'keepsake',
    log: pino({}, sink),
    onSkew: (seconds) => void skews.push(seconds),
    now: () => Date.now() + drift,
    intervalMs: 20,
  });
  const beats = async (count: number) => {
    const from = skews.length;
    await waitFor(() => expect(skews.length).toBeGreaterThan(from + count));
  };
  await beats(2);
  drift = -31 * DAY_MS;
  await beats(3);
  expect(skews.at(-1)).toBeLessThan(-30 * 86_400);
  drift = 0;
  await beats(2);
  await heartbeat.stop();
  expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    "50 clock differs from the database's: set both",
    "30 clock agrees with the database's again",
  ]);
});
