import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { partKey } from '../../../files/part-key.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  countOf,
  useDeletionSteps,
  inIndia,
  outcomesOf,
  seedWorkspace,
  startDeletion,
} from '../../support/steps/deletion.ts';
import { expectInvariants } from '../../support/database/invariants.ts';
import { deletedOutsideBackup } from '../../support/database/witness.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string) => database().owner.pool.query(statement);

const completed = { kind: 'completed' } as const;

const fileOf = (exportId: string, part: number): string =>
  join(steps.storageDir, partKey({ exportId, attempt: 1, part, compression: 'zstd' }));

/** Binds a job to a preview made now. */
const bindPreview = async (
  jobId: string,
  { workspaceId, keyId }: { workspaceId: string; keyId: string },
  count: number,
) => {
  const previewId = uuidv7();
  await sql`INSERT INTO previews (id, workspace_id, actor_key_id, selection, count, held, snapshot, expires_at)
    VALUES (${previewId}, ${workspaceId}, ${keyId}, '{}', ${count}, 0, pg_current_snapshot(), now() + '15 minutes')`.execute(
    database().app.db,
  );
  await sql`UPDATE jobs SET preview_id = ${previewId} WHERE id = ${jobId}`.execute(
    database().app.db,
  );
};

test('a user that was added after the preview is not deleted, not even by a later pass', async () => {
  const workspace = await seedWorkspace(database(), 'stranger', 4);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'u-2'] });
  await bindPreview(jobId, workspace, 2);
  await asOwner(`DELETE FROM users WHERE workspace_id = 'stranger' AND user_id = 'u-2';
    INSERT INTO users (workspace_id, user_id, country) VALUES ('stranger', 'u-2', 'FR')`);
  const first = await steps.backUp(jobId);
  expect(first.rows).toBe(1);
  await asOwner(
    `UPDATE users SET city = 'Nice' WHERE workspace_id = 'stranger' AND user_id = 'u-2'`,
  );
  await steps.remove(jobId, first.exportId);
  const left = await steps.settle(jobId, 1);
  if (left.changed > 0) {
    const second = await steps.backUp(jobId, 2);
    await steps.remove(jobId, second.exportId);
    await steps.settle(jobId, 2);
  }
  expect(await countOf(database(), 'stranger')).toBe(3);
  expect(await outcomesOf(database(), jobId)).toEqual({ 'u-2': 'notFound' });
});

test('a user that was added after the preview and not changed since is notFound, not failed', async () => {
  const workspace = await seedWorkspace(database(), 'newcomer', 4);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1', 'new'] });
  await bindPreview(jobId, workspace, 1);
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('newcomer', 'new')`);
  const { exportId } = await steps.backUp(jobId);
  await steps.remove(jobId, exportId);
  await steps.settle(jobId, 1);
  expect(await outcomesOf(database(), jobId)).toEqual({ new: 'notFound' });
});

test('a part that is lost between deletion and settlement does not prevent the end of the job', async () => {
  const workspace = await seedWorkspace(database(), 'lost-part', 10);
  await asOwner(
    `UPDATE users SET legal_hold = true WHERE workspace_id = 'lost-part' AND user_id = 'u-8'`,
  );
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  expect(await steps.remove(jobId, exportId)).toEqual({ deleted: 4 });
  await rm(fileOf(exportId, 1));
  await expect(steps.settle(jobId, 1)).rejects.toThrow('missing');
  const end = { kind: 'failed', type: 'storageMissing', message: 'missing' } as const;
  expect(await steps.finish({ jobId, end })).toMatchObject({ state: 'failed' });
});

test('a header that is lost after verification is detected before any user is deleted', async () => {
  const workspace = await seedWorkspace(database(), 'headless', 10);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await rename(fileOf(exportId, 0), `${fileOf(exportId, 0)}.gone`);
  await expect(steps.remove(jobId, exportId)).rejects.toThrow('0');
  expect(await countOf(database(), 'headless')).toBe(10);
});

test.each([
  [
    'row',
    'AFTER DELETE ON users_%s FOR EACH ROW',
    `DELETE FROM users WHERE workspace_id = OLD.workspace_id AND user_id = 'u-3'; RETURN NULL;`,
  ],
  [
    'stmt',
    'AFTER DELETE ON users_%s FOR EACH STATEMENT',
    `DELETE FROM users WHERE user_id = 'u-3'; RETURN NULL;`,
  ],
])(
  'if a custom %s trigger deletes further users, no user is deleted without a backup',
  async (name, when, body) => {
    const id = `chain${name}`;
    const workspace = await seedWorkspace(database(), id, 10);
    await asOwner(`CREATE FUNCTION ${id}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF; ${body} END $$;
    CREATE TRIGGER household ${when.replace('%s', id)} EXECUTE FUNCTION ${id}()`);
    const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
    const done = steps
      .backUp(jobId)
      .then(({ exportId }) => steps.remove(jobId, exportId))
      .catch(() => {});
    await done;
    expect(await deletedOutsideBackup(database().owner, steps.storageDir, id)).toEqual([]);
  },
);

test('two settlements at the same time, as after a lost heartbeat, both succeed', async () => {
  const workspace = await seedWorkspace(database(), 'twice', 10);
  await asOwner(`UPDATE users SET legal_hold = true WHERE workspace_id = 'twice';
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON outcomes FOR EACH ROW EXECUTE FUNCTION slow()`);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
  const { exportId } = await steps.backUp(jobId);
  await steps.remove(jobId, exportId);
  const settled = Promise.allSettled([steps.settle(jobId, 1), steps.settle(jobId, 1)]);
  const states = (await settled).map(({ status }) => status);
  await asOwner('DROP TRIGGER slow ON outcomes');
  expect(states).toEqual(['fulfilled', 'fulfilled']);
  expect(await steps.finish({ jobId, end: completed })).toMatchObject({ state: 'succeeded' });
});

test.each([
  ['quote', 'a"b'],
  ['comma', 'a,b'],
  ['newline', 'a\nb'],
])('a column with a %s in its name can be backed up and read back', async (name, column) => {
  const workspace = await seedWorkspace(database(), `odd-${name}`, 10);
  const quoted = `"${column.replaceAll('"', '""')}"`;
  await asOwner(`ALTER TABLE users ADD COLUMN ${quoted} text DEFAULT 'x'`);
  try {
    await asOwner(
      `UPDATE users SET legal_hold = true WHERE workspace_id = 'odd-${name}' AND user_id = 'u-8'`,
    );
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const { exportId } = await steps.backUp(jobId);
    await steps.remove(jobId, exportId);
    await steps.settle(jobId, 1);
    expect(await steps.finish({ jobId, end: completed })).toMatchObject({ state: 'succeeded' });
  } finally {
    await asOwner(`ALTER TABLE users DROP COLUMN ${quoted}`);
  }
});

test('a rule that replaces a deletion is refused, or its users are not counted as deleted', async () => {
  const workspace = await seedWorkspace(database(), 'ruled', 10);
  await asOwner(`CREATE RULE keep AS ON DELETE TO users_ruled DO INSTEAD
    UPDATE users_ruled SET city = 'kept' WHERE user_id = OLD.user_id RETURNING OLD.*`);
  const jobId = await startDeletion(database(), workspace, { ids: ['u-1'] });
  const deleted = await steps
    .backUp(jobId)
    .then(({ exportId }) => steps.remove(jobId, exportId))
    .then((result) => result.deleted)
    .catch(() => 0);
  expect(10 - deleted).toBe(await countOf(database(), 'ruled'));
});

/** Rows younger than the backup at the row ids of the backup's rows. */
const strangersIn = async (exportId: string): Promise<number> => {
  const { rows } = await asOwner(`
    SELECT count(*) AS n FROM export_parts p JOIN export_attempts a USING (export_id, attempt),
           unnest(p.tids) AS place JOIN users_busy u ON u.ctid = place
     WHERE p.export_id = '${exportId}' AND NOT pg_visible_in_snapshot(u.written_in, a.snapshot)`);
  return (rows as { n: number }[])[0]!.n;
};

test('while others write all the time, no user is deleted without a backup, and the sums close', async () => {
  const users = 60_000;
  const workspace = await seedWorkspace(database(), 'busy', users);
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 30_000 });
  const work = { isOver: false, rounds: 0, added: 0 };
  const write = async () => {
    while (!work.isOver) {
      const n = 2 * Math.ceil(Math.random() * 30_000);
      const at = `WHERE workspace_id = 'busy' AND user_id = 'u-${n}'`;
      await asOwner(`BEGIN; SAVEPOINT a; UPDATE users SET city = 'Goa' ${at}; RELEASE a; COMMIT`);
      await asOwner(`DELETE FROM users WHERE workspace_id = 'busy' AND user_id = 'u-${n + 2}'`);
      const { rowCount } = await asOwner(`INSERT INTO users (workspace_id, user_id, country)
        VALUES ('busy', 'u-${n + 2}', 'IN') ON CONFLICT DO NOTHING`);
      work.added += rowCount ?? 0;
      work.rounds += 1;
      if (work.rounds % 25 === 0) await asOwner('VACUUM users_busy');
    }
  };
  const writers = [write(), write()];
  const { exportId: first } = await steps.backUp(jobId);
  await expect.poll(() => strangersIn(first)).toBeGreaterThan(10);
  await steps.remove(jobId, first);
  await steps.settle(jobId, 1);
  for (const pass of [2, 3]) {
    const { exportId } = await steps.backUp(jobId, pass);
    await steps.remove(jobId, exportId);
    await steps.settle(jobId, pass, pass === 3);
  }
  work.isOver = true;
  await Promise.all(writers);
  const result = await steps.finish({ jobId, end: completed });
  expect(result.error).toBeUndefined();
  const { owner } = database();
  const { storageDir } = steps;
  await expectInvariants({ owner, storageDir, workspaceId: 'busy', users: users + work.added });
});

test.each(['backingUp', 'written', 'verified', 'deleting', 'deleted', 'settled'])(
  'a job that is cancelled at %s ends with sums that close',
  async (at) => {
    const id = `cancel-${at.toLowerCase()}`;
    const workspace = await seedWorkspace(database(), id, 10);
    const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 5 });
    const cancel = (now: string) =>
      now === at && asOwner(`UPDATE jobs SET state = 'cancelling' WHERE id = '${jobId}'`);
    const run = async () => {
      await cancel('backingUp');
      await steps.enter(jobId, 'backingUp');
      const { exportId } = await steps.write(jobId);
      await cancel('written');
      await steps.verify(exportId);
      await asOwner(
        `UPDATE users SET city = 'Pune' WHERE workspace_id = '${id}' AND user_id = 'u-2'`,
      );
      await cancel('verified');
      await steps.enter(jobId, 'deleting');
      await cancel('deleting');
      await steps.remove(jobId, exportId);
      await cancel('deleted');
      await steps.settle(jobId, 1);
      await cancel('settled');
    };
    const failure = await run().then(
      () => undefined,
      (error: { type: string; message: string }) => error,
    );
    const { type = '', message = '' } = failure ?? {};
    const end = { kind: 'failed', type, message } as const;
    expect(await steps.finish({ jobId, end })).toMatchObject({ state: 'cancelled' });
    const { rows } = await asOwner(`SELECT counts FROM jobs WHERE id = '${jobId}'`);
    const { selected, ...others } = (rows[0] as { counts: Record<string, number> }).counts;
    expect(Object.values(others).reduce((sum, count) => sum + count, 0)).toBe(selected);
    expect(selected).toBe(5);
  },
);
