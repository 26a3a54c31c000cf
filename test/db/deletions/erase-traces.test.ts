import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { jobSummary } from '../../../db/jobs/job-summary.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { eraseExport, eraseFruitlessJobs, eraseOldPreviews } from '../../../db/exports/removals.ts';
import { countRestore } from '../../../db/restores/restores.ts';
import { useDatabase } from '../../support/database/database.ts';
import { useDeletionSteps, seedWorkspace, startDeletion } from '../../support/steps/deletion.ts';
import { tablesHolding } from '../../support/database/traces.ts';

const database = useDatabase();
const steps = useDeletionSteps(database);

const asOwner = (statement: string, values: unknown[] = []) =>
  database().owner.pool.query(statement, values);

const asRows = async <Row extends object>(text: string, values?: unknown[]) =>
  (await database().owner.pool.query<Row>(text, values)).rows;

const remove = (exportId: string) =>
  asOwner(`UPDATE exports SET state = 'removed', removed_at = now() WHERE id = $1`, [exportId]);

const CANARY = 'canary';

/** Users with unique ids and email addresses. Half of them are about to be deleted. */
const seed = async (id: string) => {
  const workspace = await seedWorkspace(database(), id, 4);
  await asOwner(
    `INSERT INTO users (workspace_id, user_id, email) SELECT $1, $2 || n, $2 || n || '@mail.example'
       FROM generate_series(1, 6) n`,
    [id, `${CANARY}-${id}-`],
  );
  return workspace;
};

/**
 * A finished deletion of two passes, with a backup each, a held user, and a filter that names a
 * user.
 */
const deleteInTwoPasses = async (id: string) => {
  const workspace = await seed(id);
  const filter = { field: 'email', op: 'contains', value: `${CANARY}-${id}` };
  await asOwner(`UPDATE users SET legal_hold = true WHERE user_id = $1`, [`${CANARY}-${id}-6`]);
  const jobId = await startDeletion(database(), workspace, { filter, confirmed: 6 });
  const first = await steps.backUp(jobId);
  await asOwner(`UPDATE users SET city = 'Pune' WHERE user_id = $1`, [`${CANARY}-${id}-1`]);
  await steps.remove(jobId, first.exportId);
  await steps.settle(jobId, 1);
  const second = await steps.backUp(jobId, 2);
  await steps.remove(jobId, second.exportId);
  await steps.settle(jobId, 2);
  await steps.finish({ jobId, end: { kind: 'completed' } });
  await asOwner(`UPDATE users SET legal_hold = false WHERE user_id = $1`, [`${CANARY}-${id}-6`]);
  await asOwner(`DELETE FROM users WHERE user_id LIKE $1`, [`${CANARY}-${id}-%`]);
  return { workspace, jobId, first: first.exportId, second: second.exportId };
};

const RESTORED = { selected: 2, restored: 1, present: 1, notFound: 0, unprocessed: 0 };

const finishedRestore = async (id: string, keyId: string, backupId: string) => {
  const jobId = uuidv7();
  const ids = [`${CANARY}-${id}-2`, `${CANARY}-${id}-3`];
  await insertJob(database().app.db, {
    id: jobId,
    workspaceId: id,
    type: 'restore',
    selection: { type: 'ids', count: 2 },
    options: {},
    actorKeyId: keyId,
    backupId,
    targetIds: ids,
  });
  await asOwner(
    `INSERT INTO restore_chunks (job_id, part, restored, present, restored_ids)
    VALUES ($1, 1, 1, 1, $2)`,
    [jobId, ids.slice(0, 1)],
  );
  await asOwner(`INSERT INTO outcomes VALUES ($1, $2, 'present')`, [jobId, ids[1]]);
  await asOwner(
    `UPDATE jobs SET state = 'succeeded', finished_at = now(), counts = $2 WHERE id = $1`,
    [jobId, JSON.stringify(RESTORED)],
  );
  return jobId;
};

test('all traces of users are erased with the last backup of their deletion; counts and checksums stay', async () => {
  const { workspace, jobId, first, second } = await deleteInTwoPasses('traces');
  const restore = await finishedRestore('traces', workspace.keyId, first);
  const before = await jobSummary(database().app.db, jobId);
  expect(before.counts).toMatchObject({ selected: 6, deleted: 5, held: 1 });
  const facts = `SELECT e.rows, e.bytes, e.sha256, sum(p.deleted)::int AS deleted, max(p.sha256) AS part
    FROM exports e JOIN export_parts p ON p.export_id = e.id
   WHERE e.job_id = '${jobId}' GROUP BY e.id ORDER BY e.pass`;
  const { rows: proof } = await asOwner(facts);
  const held = await tablesHolding(asRows, [`${CANARY}-traces`]);
  expect(held).toEqual([
    'deletion_batches',
    'job_targets',
    'jobs',
    'outcomes',
    'previews',
    'restore_chunks',
  ]);

  await remove(first);
  await eraseExport(database().app.db, first);
  const left = await tablesHolding(asRows, [`${CANARY}-traces`]);
  expect(left).toEqual(['deletion_batches', 'job_targets', 'jobs', 'outcomes', 'previews']);
  expect(await tablesHolding(asRows, [`${CANARY}-traces-2`])).toEqual([]);

  await remove(second);
  await eraseExport(database().app.db, second);
  await eraseExport(database().app.db, second);
  expect(await tablesHolding(asRows, [`${CANARY}-traces`])).toEqual([]);
  expect(await jobSummary(database().app.db, jobId)).toMatchObject({ counts: before.counts });
  expect(await countRestore(database().app.db, restore)).toEqual(RESTORED);
  expect((await asOwner(facts)).rows).toEqual(proof);
  const { rows } = await asOwner(
    'SELECT selection, erased_at IS NOT NULL AS erased FROM jobs WHERE id = ANY ($1) ORDER BY id',
    [[jobId, restore]],
  );
  expect(rows).toEqual([
    { selection: { type: 'filter', erased: true }, erased: true },
    { selection: { type: 'ids', count: 2, erased: true }, erased: true },
  ]);
});

test('an erased preview keeps the trust in its snapshot, and a preview from a dump gains no trust', async () => {
  const { jobId, first, second } = await deleteInTwoPasses('vouched');
  const trusted = async () =>
    (
      await asOwner(
        `SELECT xmin = recorded_in::xid AS trusted, selection FROM previews
          WHERE id = (SELECT preview_id FROM jobs WHERE id = $1)`,
        [jobId],
      )
    ).rows[0];
  for (const exportId of [first, second]) {
    await remove(exportId);
    await eraseExport(database().app.db, exportId);
  }
  expect(await trusted()).toEqual({ trusted: true, selection: { type: 'filter', erased: true } });

  const dumped = await deleteInTwoPasses('dumped');
  await asOwner(
    `UPDATE previews SET held = 1 WHERE id = (SELECT preview_id FROM jobs WHERE id = $1)`,
    [dumped.jobId],
  );
  for (const exportId of [dumped.first, dumped.second]) {
    await remove(exportId);
    await eraseExport(database().app.db, exportId);
  }
  const { rows } = await asOwner(
    `SELECT xmin = recorded_in::xid AS trusted, selection FROM previews
      WHERE id = (SELECT preview_id FROM jobs WHERE id = $1)`,
    [dumped.jobId],
  );
  expect(rows).toEqual([{ trusted: false, selection: { type: 'filter', erased: true } }]);
});

test('the database refuses to erase a backup that is not removed, or that an unfinished job needs', async () => {
  const { app } = database();
  const { workspace, jobId, first } = await deleteInTwoPasses('kept');
  await expect(eraseExport(app.db, first)).rejects.toMatchObject({ code: 'KS007' });
  await expect(eraseExport(app.db, uuidv7())).rejects.toMatchObject({ code: 'KS007' });
  const restore = await finishedRestore('kept', workspace.keyId, first);
  for (const unfinished of [restore, jobId]) {
    await asOwner('UPDATE jobs SET finished_at = NULL WHERE id = $1', [unfinished]);
    await remove(first);
    await expect(eraseExport(app.db, first)).rejects.toMatchObject({ code: 'KS007' });
    await asOwner('UPDATE jobs SET finished_at = now() WHERE id = $1', [unfinished]);
  }
  const { rows } = await asOwner(
    `SELECT count(*)::int AS n FROM deletion_batches, unnest(deleted_ids)
    WHERE export_id = $1`,
    [first],
  );
  expect(rows).toEqual([{ n: 4 }]);
});

test('API and worker can erase traces only through the functions of the eraser', async () => {
  const refused = [
    'DELETE FROM outcomes',
    'DELETE FROM job_targets',
    `UPDATE deletion_batches SET deleted_ids = '{}'`,
    `UPDATE restore_chunks SET restored_ids = '{}'`,
    `UPDATE previews SET selection = '{}'`,
    `SELECT erase_job('${uuidv7()}')`,
    `SELECT erase_previews('{}')`,
    'SET ROLE keepsake_eraser; DELETE FROM users',
  ];
  for (const statement of refused) {
    await expect(database().app.pool.query(statement)).rejects.toMatchObject({ code: '42501' });
  }
});

test('no restore or retry starts from an erased backup, job or selection', async () => {
  const { workspace, jobId, first, second } = await deleteInTwoPasses('begin');
  for (const exportId of [first, second]) {
    await remove(exportId);
    await eraseExport(database().app.db, exportId);
  }
  const job = {
    workspaceId: 'begin',
    selection: { type: 'all' },
    options: {},
    actorKeyId: workspace.keyId,
  };
  const { db } = database().app;
  const restore = { ...job, id: uuidv7(), type: 'restore', backupId: first } as const;
  await expect(insertJob(db, restore)).rejects.toMatchObject({ code: 'KS006' });
  const retry = db.insertInto('jobs').values({
    id: uuidv7(),
    workspace_id: 'begin',
    type: 'deletion',
    selection: '{"type":"ids","count":1}',
    options: '{}',
    actor_key_id: workspace.keyId,
    retry_of: jobId,
  });
  await expect(retry.execute()).rejects.toMatchObject({ code: 'KS006' });
  const erased = {
    ...job,
    id: uuidv7(),
    type: 'deletion',
    selection: { type: 'ids', erased: true },
  };
  await expect(insertJob(db, erased as Parameters<typeof insertJob>[1])).rejects.toMatchObject({
    code: '23514',
  });
});

test('jobs without a file are erased after 30 days, and unconfirmed previews after one day', async () => {
  const workspace = await seed('fruitless');
  const { db } = database().app;
  const jobId = await startDeletion(database(), workspace, { ids: [`${CANARY}-fruitless-1`] });
  await steps.finish({ jobId, end: { kind: 'cancelled' } });
  const filter = { field: 'email', op: 'is', value: `${CANARY}-fruitless-2@mail.example` };
  const used = await startDeletion(database(), workspace, { filter, confirmed: 1 });
  const selection = { type: 'ids', ids: [`${CANARY}-fruitless-1`, `${CANARY}-fruitless-2`] };
  const preview = uuidv7();
  await asOwner(
    `INSERT INTO previews (id, workspace_id, actor_key_id, selection, count, held, snapshot, expires_at)
     VALUES ($1, 'fruitless', $2, $3, 2, 0, pg_current_snapshot(), now() + interval '1 minute')`,
    [preview, workspace.keyId, JSON.stringify(selection)],
  );
  expect([await eraseFruitlessJobs(db, 10), await eraseOldPreviews(db, 10)]).toEqual([0, 0]);

  await asOwner(`UPDATE jobs SET finished_at = now() - interval '31 days' WHERE id = $1`, [jobId]);
  await asOwner(
    `UPDATE previews SET expires_at = now() - interval '25 hours' WHERE workspace_id = 'fruitless'`,
  );
  expect([await eraseFruitlessJobs(db, 10), await eraseOldPreviews(db, 10)]).toEqual([1, 1]);
  expect([await eraseFruitlessJobs(db, 10), await eraseOldPreviews(db, 10)]).toEqual([0, 0]);
  await asOwner(`DELETE FROM users WHERE user_id LIKE '${CANARY}-fruitless-%'`);
  expect(await tablesHolding(asRows, [`${CANARY}-fruitless-1`])).toEqual([]);
  const { rows } = await asOwner('SELECT selection FROM previews WHERE id = $1', [preview]);
  expect(rows).toEqual([{ selection: { type: 'ids', count: 2, erased: true } }]);
  const held = await tablesHolding(asRows, [`${CANARY}-fruitless-2`]);
  expect(held).toEqual(['jobs', 'previews']);
  expect(used).not.toBe(jobId);
});
