import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db } from '../../db/client.ts';
import { setCopyValues } from '../../db/copy/copy-values.ts';
import { assertDurable } from '../../db/connections/durability.ts';
import {
  completeExport,
  ensureExport,
  getExport,
  listVoidAttempts,
  recordAttempt,
} from '../../db/exports/exports.ts';
import { findEndedXids, holdSnapshot, type HeldSnapshot } from '../../db/exports/held-snapshot.ts';
import { findSelectionSnapshot, setJobTotal } from '../../db/jobs/job-runs.ts';
import { refuseDeletionBy } from '../../db/deletions/nearly-everyone.ts';
import { findPreviewedWorkspace } from '../../db/deletions/previews.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import {
  cascadingForeignKey,
  countSurvivors,
  listVolatileTypes,
} from '../../db/users/users-table.ts';
import { findField, type PropertyTypes } from '../../selection/fields.ts';
import { BACKUP_DAYS, DOWNLOAD_DAYS } from '../../rules/retention.ts';
import type { DigestFacts } from '../../files/digest-tap.ts';
import { attemptPrefix } from '../../files/part-key.ts';
import type { WrittenExport } from '../../workflows/contracts/jobs.ts';
import type { ActivityDeps } from '../deps.ts';
import {
  planExport,
  type Download,
  type ExportPlan,
  type PlannedSelection,
} from './export-plan.ts';
import { failures } from '../failures.ts';
import { writeParts } from './export-lanes.ts';
import { conditionOfJob } from '../jobs/job-condition.ts';
import { getRunningJob, type RunningJob } from '../jobs/running-job.ts';

type ExportRow = Awaited<ReturnType<typeof ensureExport>>;

/**
 * Writes the users of a job's pass to a new export, under one snapshot. If the worker dies, the
 * next run begins a new attempt under a new snapshot.
 */
export const createWriteExport =
  (deps: ActivityDeps) =>
  async (
    { jobId, pass }: { jobId: string; pass: number },
    signal: AbortSignal,
  ): Promise<WrittenExport> => {
    const { db } = deps.database;
    const job = await getRunningJob(db, jobId);
    await assertDurable(db);
    const row = await ensureExportOf(db, job, pass);
    if (row.state !== 'writing') return { exportId: row.id, rows: row.rows ?? 0 };

    const { attempt, ...file } = await writeAttempt(deps, job, row, signal);
    deps.crashPoint('export:snapshot-committed');
    await db.transaction().execute(async (trx) => {
      const isOurs = await completeExport(trx, { exportId: row.id, attempt, ...file });
      const isSelection = pass === 1 && !job.isChosen;
      if (isOurs && isSelection) await setJobTotal(trx, jobId, file.rows);
    });
    const written = await getExport(db, row.id);
    await removeVoidAttempts(deps, row.id, written.attempt ?? attempt);
    return { exportId: row.id, rows: written.rows ?? 0 };
  };

const ensureExportOf = (db: Db, job: RunningJob, pass: number): Promise<ExportRow> => {
  const isBackup = job.type === 'deletion';
  return ensureExport(db, {
    // A download shares its job's id, so that /v1/exports/{id} shows both.
    id: isBackup ? uuidv7() : job.id,
    jobId: job.id,
    workspaceId: job.workspaceId,
    purpose: isBackup ? 'backup' : 'download',
    pass,
    format: job.type === 'export' ? job.options.format : 'csv',
    compression: job.type === 'export' ? job.options.compression : 'zstd',
    ttlDays: isBackup ? BACKUP_DAYS : DOWNLOAD_DAYS,
  });
};

/** Writes one attempt and commits its snapshot. The attempt does not count before that commit. */
const writeAttempt = async (
  deps: ActivityDeps,
  job: RunningJob,
  row: ExportRow,
  signal: AbortSignal,
): Promise<{ attempt: number; rows: number } & DigestFacts> => {
  const { db } = deps.database;
  const selection = await selectionOf(db, job, row.pass);
  const held = await holdSnapshot(deps.lanes, job.workspaceId);
  let isWhole = false;
  try {
    if (!held.isPlain) throw failures.usersNotPlain(job.workspaceId);
    if (row.purpose === 'backup') await assertDeletable(db, held, job.workspaceId);
    const plan = await planExport(held, selection);
    await setCopyValues(held.client, plan.values);
    if (row.purpose === 'download') await setJobTotal(db, job.id, await countRows(held, plan));
    const attempt = await recordAttempt(db, {
      exportId: row.id,
      snapshot: held.snapshot,
      fingerprint: held.fingerprint,
      ...(row.purpose === 'backup' && {
        columns: held.columns,
        endedXids: await findEndedXids(held, plan.scope),
      }),
    });
    const { format, compression } = row;
    const target = { exportId: row.id, attempt, format, compression };
    deps.crashPoint('export:attempt-recorded');
    const wanted = { held, plan, target, purpose: row.purpose, signal };
    const { rows, close } = await writeParts(deps, wanted);
    deps.meter.rows('written', rows);
    if (row.purpose === 'backup' && row.pass === 1) {
      await assertConfirmed(deps, held, job, { exportId: row.id, attempt, rows });
    }
    await held.client.query('COMMIT');
    isWhole = true;
    return { attempt, rows, ...(await close()) };
  } finally {
    held.client.release(!isWhole);
  }
};

const selectionOf = async (db: Db, job: RunningJob, pass: number): Promise<PlannedSelection> => {
  const { workspaceId } = job;
  const isChosen = pass > 1 || job.isChosen;
  const types = await propertyTypesOf(db, workspaceId);
  const matches = await conditionOfJob(db, job);
  return {
    workspaceId,
    ...downloadOf(job, types),
    where: sql<SqlBool>`(${matches}) AND ${await knownSince(db, job, pass)}`,
    ...(isChosen && { targets: { jobId: job.id, pass } }),
  };
};

const downloadOf = (job: RunningJob, types: PropertyTypes): { download?: Download } => {
  if (job.type !== 'export') return {};
  const { format, spreadsheetSafe } = job.options;
  const columns = job.options.columns.map((name) => {
    const field = findField(name, types);
    if (field === undefined) throw failures.selectionUnreadable(job.id);
    return { name, field };
  });
  return { download: { format, columns, spreadsheetSafe } };
};

/**
 * The condition that excludes users created after the preview, in every pass and retry. Without a
 * preview, the snapshot of the first backup takes its place.
 */
const knownSince = async (
  db: Db,
  { id, confirmation }: RunningJob,
  pass: number,
): Promise<RawBuilder<SqlBool>> => {
  const snapshot = await findSelectionSnapshot(db, confirmation);
  if (snapshot !== undefined) {
    // Transactions before a snapshot's xmin are visible in it. Checking this first halves the cost.
    const taken = sql`${sql.lit(snapshot)}::pg_snapshot`;
    return sql<SqlBool>`(users.inserted_in < pg_snapshot_xmin(${taken})
      OR pg_visible_in_snapshot(users.inserted_in, ${taken}))`;
  }
  if (pass > 1 || confirmation.previewId !== null) throw failures.snapshotLost(id);
  return sql<SqlBool>`true`;
};

/** Checks the table before anything is deleted by a backup of it. */
const assertDeletable = async (db: Db, held: HeldSnapshot, workspaceId: string): Promise<void> => {
  if (!held.isStamped) throw failures.usersNotStamped(workspaceId);
  if (held.hasRules) throw failures.usersHaveRules(workspaceId);
  const [constraint, types] = await Promise.all([
    cascadingForeignKey(db, workspaceId),
    listVolatileTypes(db, workspaceId),
  ]);
  if (constraint !== undefined) throw failures.cascade(constraint);
  if (types.length > 0) throw failures.volatileText(types);
};

const countRows = async (held: HeldSnapshot, plan: ExportPlan): Promise<number> => {
  const { rows } = await held.client.query<{ count: number }>(plan.count);
  return rows[0]?.count ?? 0;
};

/**
 * Checks a first backup: it may not hold more users than were confirmed, and nearly everyone only
 * with an approval.
 *
 * @throws selectionChanged, usersHidden, deleteAllRequired
 */
const assertConfirmed = async (
  deps: ActivityDeps,
  held: HeldSnapshot,
  job: RunningJob,
  { exportId, attempt, rows }: { exportId: string; attempt: number; rows: number },
): Promise<void> => {
  const { count } = job.confirmation;
  if (count !== null && rows > count) throw failures.selectionChanged(count, rows);
  await assertNobodyHidden(deps, held, job, rows);
  if (job.parentId !== null) return;
  // The delete step makes this decision. Checking it here too saves the work in between.
  await refuseDeletionBy(deps.database.db, { exportId, attempt });
};

/**
 * Users are missing from a backup if others deleted them, or changed them so that they no longer
 * match. If more users are missing, something hides them.
 *
 * @throws usersHidden
 */
const assertNobodyHidden = async (
  { database: { db } }: ActivityDeps,
  held: HeldSnapshot,
  { confirmation, workspaceId }: RunningJob,
  rows: number,
): Promise<void> => {
  const { count, previewId, chain } = confirmation;
  // A retry covers only the users that the first job left.
  if (count === null || rows >= count || previewId === null || chain.length > 1) return;
  const seen = await findPreviewedWorkspace(db, previewId);
  if (seen === undefined || seen.users === null) return;
  const { there, changed } = await countSurvivors(held.client, workspaceId, seen.snapshot);
  const deleted = seen.users - there;
  if (count - rows > deleted + changed) throw failures.usersHidden(count, rows);
};

/** Removes the files of unused attempts. Files that remain are removed when the export expires. */
const removeVoidAttempts = async (deps: ActivityDeps, exportId: string, attempt: number) => {
  for (const lost of await listVoidAttempts(deps.database.db, exportId, attempt)) {
    await deps.storage.remove(attemptPrefix(exportId, lost));
  }
};
