import type { Db } from '../../db/client.ts';
import {
  type ClearedField,
  type CountedProblem,
  listCleared,
  listProblems,
} from '../../db/imports/import-tallies.ts';
import {
  type JobProgressRow,
  listJobsWithRecords,
  listPassFigures,
  listProgress,
  listVerifiedExports,
  type PassFigures,
  type VerifiedExport,
} from '../../db/jobs/job-progress.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import { retriesNamedUsers } from '../../db/jobs/retries.ts';
import { listJobMails, type MailRow } from '../../db/mails/mail-rounds.ts';
import type { ExportOptions, Role } from '../../db/schema.ts';
import type { ImportOptions } from '../../imports/options.ts';
import { JOB_KINDS, workflowIdOf } from '../../workflows/contracts/jobs.ts';
import type { ApiDeps } from '../deps.ts';
import { hasLog } from './job-log.ts';
import { phasesOf, progressOf } from './job-progress.ts';
import type { JobJson } from './job-schema.ts';
import { shownSelection } from './shown-selection.ts';
import { findWait, waitOfMail } from './waiting-for.ts';
import { toMailJson } from '../mails/mail-json.ts';

export type JobJsonDeps = Pick<ApiDeps, 'jobs' | 'config' | 'database'>;

/** All rows that are needed to describe a job. */
export interface JobFacts {
  job: JobRow;
  progress: JobProgressRow | undefined;
  passes: readonly PassFigures[];
  files: readonly VerifiedExport[];
  /** Whether the job has records of single users. */
  hasRecords: boolean;
  /** Undefined in lists, and for jobs that cannot be retried. */
  retrySelects?: JobJson['retrySelects'];
  /** Values that an import has cleared. */
  cleared: ClearedField[];
  /** Errors in lines of an import. */
  problems: CountedProblem[];
  mails: MailRow[];
}

/** Path of a job under its type. */
export const pathOfJob = ({ id, type }: Pick<JobRow, 'id' | 'type'>): string =>
  `/v1/${JOB_KINDS[type].path}/${id}`;

/** A job as the API returns it to a role. */
export const toJobJson = (
  facts: JobFacts,
  role: Role,
  deps: Pick<JobJsonDeps, 'jobs' | 'config'>,
): JobJson => {
  const { job, progress, files } = facts;
  return {
    id: job.id,
    workspace: job.workspace_id,
    type: job.type,
    state: job.state,
    phase: job.phase as JobJson['phase'],
    selection: shownSelection(job.selection, role),
    ...exportOptionsOf(job),
    ...importOptionsOf(job),
    actor: { id: job.actor_shown_id, role: job.actor_role, ownerName: job.actor_name },
    reason: job.reason,
    notify: (job.options as { notify?: boolean }).notify ?? false,
    createdAt: job.created_at.toISOString(),
    startedAt: job.started_at?.toISOString() ?? null,
    finishedAt: job.finished_at?.toISOString() ?? null,
    progress: progressOf(job, progress),
    phases: phasesOf(job, progress, facts.passes),
    counts: job.counts as JobJson['counts'],
    ...(job.type === 'import' && { cleared: facts.cleared, problems: facts.problems }),
    reasons: job.reasons as JobJson['reasons'],
    requestId: job.request_id,
    retryOf: job.retry_of,
    retriedBy: job.retried_by,
    parent: job.parent_id,
    result: resultOf(job, files),
    erasedAt: job.erased_at?.toISOString() ?? null,
    error: errorOf(job),
    mail: facts.mails.map(toMailJson),
    links: linksOf(facts),
    ...(facts.retrySelects !== undefined && { retrySelects: facts.retrySelects }),
    workflow: workflowOf(job, deps),
  };
};

/** For lists and streams: without fields that may be long and never change. */
export const briefly = ({ mapping, ...json }: JobJson): JobJson => ({
  ...json,
  ...(mapping !== undefined && { mapping: { name: mapping.name } }),
});

/** Adds the progress and files of exports to jobs. */
export const readJobFacts = async (db: Db, jobs: readonly JobRow[]): Promise<JobFacts[]> => {
  const ids = jobs.map(({ id }) => id);
  const importIds = jobs.filter(({ type }) => type === 'import').map(({ id }) => id);
  const [progress, passes, files, recorded, cleared, problems, mails] = await Promise.all([
    listProgress(db, ids),
    listPassFigures(db, ids),
    listVerifiedExports(db, ids),
    listJobsWithRecords(db, ids),
    listCleared(db, importIds),
    listProblems(db, importIds),
    listJobMails(db, ids),
  ]);
  return jobs.map((job) => ({
    job,
    progress: progress.get(job.id),
    passes: passes.get(job.id) ?? [],
    files: files.filter((file) => file.job_id === job.id),
    hasRecords: recorded.has(job.id),
    cleared: cleared.get(job.id) ?? [],
    problems: problems.get(job.id) ?? [],
    mails: mails.get(job.id) ?? [],
  }));
};

/** The same for one job, with what its retry selects: to know this, its outcomes are counted. */
export const readFactsOfJob = async (db: Db, job: JobRow): Promise<JobFacts> => {
  const [[facts], retrySelects] = await Promise.all([
    readJobFacts(db, [job]),
    retrySelectsOf(db, job),
  ]);
  if (facts === undefined) throw new Error(`job ${job.id} has no facts`);
  return { ...facts, retrySelects };
};

/** Jobs as the API returns them to a role, with their progress and files. */
export const describeJobs = async (
  jobs: readonly JobRow[],
  role: Role,
  deps: JobJsonDeps,
): Promise<JobJson[]> => {
  const facts = await readJobFacts(deps.database.db, jobs);
  return facts.map((one) => toJobJson(one, role, deps));
};

export const describeJob = async (job: JobRow, role: Role, deps: JobJsonDeps): Promise<JobJson> =>
  toJobJson(await readFactsOfJob(deps.database.db, job), role, deps);

/**
 * Adds the state that the workflow reports, and what the job waits for, while the job runs and if
 * known in time.
 */
export const describeLiveJob = async (
  job: JobRow,
  role: Role,
  deps: JobJsonDeps,
): Promise<JobJson> => {
  const isStarted = job.finished_at === null && job.state !== 'queued';
  const [json, live, waitingFor] = await Promise.all([
    describeJob(job, role, deps),
    isStarted ? deps.jobs.readLive(job) : undefined,
    findWait(job, {
      db: deps.database.db,
      taskQueue: deps.config.taskQueue,
      jobs: deps.jobs,
    }),
  ]);
  const wait = waitingFor ?? waitOfMail(json.mail);
  return {
    ...json,
    ...(live !== undefined && { live: { phase: live.phase, pass: live.pass } }),
    ...(wait !== undefined && { waitingFor: wait }),
  };
};

const retrySelectsOf = async (db: Db, job: JobRow): Promise<JobJson['retrySelects']> => {
  if (job.type !== 'deletion' || !job.is_retryable) return undefined;
  return (await retriesNamedUsers(db, job)) ? 'left' : 'again';
};

const errorOf = ({ error_type: type, error_message: message, error_data: data }: JobRow) =>
  type === null ? null : { type, message: message ?? '', ...(data !== null && { data }) };

/** The options of an export. */
const exportOptionsOf = ({ type, options }: JobRow) => {
  if (type !== 'export') return {};
  const { format, compression, columns, spreadsheetSafe } = options as ExportOptions;
  return { format, compression, columns, spreadsheetSafe };
};

/** The options of an import. */
const importOptionsOf = ({ type, options }: JobRow) => {
  if (type !== 'import') return {};
  const {
    mode,
    mergeTags,
    dryRun,
    spreadsheetSafe,
    emptyCells,
    badCells,
    matchBy,
    columns,
    mapping,
  } = options as ImportOptions;
  return {
    mode,
    mergeTags,
    dryRun,
    emptyCells: emptyCells ?? 'clear',
    badCells: badCells ?? 'failLine',
    matchBy: matchBy ?? 'userId',
    ...(spreadsheetSafe !== undefined && { spreadsheetSafe }),
    ...(columns !== undefined && { mapping: { name: mapping ?? null, columns } }),
  };
};

const resultOf = (job: JobRow, files: readonly VerifiedExport[]): JobJson['result'] => {
  if (job.import_file_id !== null) return importResultOf(job);
  if (job.backup_id !== null) return { backupId: job.backup_id };
  const [file] = files;
  if (file === undefined) return null;
  if (job.type === 'export') {
    return { exportId: file.id, ...factsOf(file), expiresAt: file.expires_at.toISOString() };
  }
  return { backups: files.map((backup) => ({ id: backup.id, ...factsOf(backup) })) };
};

/** The file of an import. */
const importResultOf = (job: JobRow) => ({
  bytes: job.file_bytes ?? 0,
  sha256: job.file_sha256 ?? '',
  expiresAt: job.file_expires_at?.toISOString() ?? '',
  removedAt: job.file_removed_at?.toISOString() ?? null,
});

const factsOf = ({ rows, bytes, sha256, removed_at: removedAt }: VerifiedExport) => ({
  rows: rows ?? 0,
  bytes: bytes ?? 0,
  sha256: sha256 ?? '',
  removedAt: removedAt?.toISOString() ?? null,
});

const linksOf = ({ job, files, hasRecords }: JobFacts): Record<string, string> => {
  const self = pathOfJob(job);
  const isFinished = job.finished_at !== null;
  const hasFile = files.some(({ state }) => state === 'verified');
  const isRecorded = hasLog(job) && job.erased_at === null && (hasRecords || !isFinished);
  return {
    self,
    ...(job.is_retryable && { retry: `/v1/jobs/${job.id}/retry` }),
    events: `/v1/jobs/${job.id}/events`,
    ...(isFinished
      ? { notify: `/v1/jobs/${job.id}/notify` }
      : { cancel: `/v1/jobs/${job.id}/cancel` }),
    ...(job.type === 'export' && hasFile && { file: `${self}/file`, links: `${self}/links` }),
    ...(isRecorded && { records: `${self}/records`, log: `${self}/log` }),
    ...(job.type === 'deletion' && { backups: `/v1/backups?deletionId=${job.id}` }),
    ...(job.backup_id !== null && { backup: `/v1/backups/${job.backup_id}` }),
  };
};

const workflowOf = (
  job: JobRow,
  { jobs, config }: Pick<JobJsonDeps, 'jobs' | 'config'>,
): JobJson['workflow'] => {
  const id = workflowIdOf(job);
  const page = `${config.temporalUiUrl}/namespaces/${jobs.namespace}/workflows/${encodeURIComponent(id)}`;
  return {
    id,
    runId: job.run_id,
    uiUrl:
      config.temporalUiUrl === undefined
        ? null
        : page + (job.run_id === null ? '' : `/${job.run_id}`),
  };
};
