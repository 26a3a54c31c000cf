/**
 * The contract between workflows, activities, API and worker about jobs: names, ids, inputs and
 * results. All of it is stored in Temporal's histories, so it holds ids and counts and never a
 * user's data.
 */

/**
 * The types of jobs: the workflow's type, the prefix of the workflow's id, the path in the API, the
 * summary in Temporal's UI (followed by the id of the workspace), and the title of its page
 * (followed by the name of the workspace).
 */
export const JOB_KINDS = {
  export: {
    workflowType: 'ExportUsers',
    idPrefix: 'export',
    path: 'exports',
    summary: 'Export users of workspace',
    title: 'Export of users of',
  },
  import: {
    workflowType: 'ImportUsers',
    idPrefix: 'import',
    path: 'imports',
    summary: 'Import users into workspace',
    title: 'Import of users into',
  },
  deletion: {
    workflowType: 'DeleteUsers',
    idPrefix: 'delete',
    path: 'deletions',
    summary: 'Delete users of workspace',
    title: 'Deletion of users of',
  },
  restore: {
    workflowType: 'RestoreUsers',
    idPrefix: 'restore',
    path: 'restores',
    summary: 'Restore users of workspace',
    title: 'Restore of users to',
  },
} as const;

export type JobType = keyof typeof JOB_KINDS;

/** A job always has the same workflow id, so a second start finds the first. */
export const workflowIdOf = (job: { id: string; type: JobType }): string =>
  `${JOB_KINDS[job.type].idPrefix}/${job.id}`;

/** The sweep is one workflow that never ends; signals control it. */
export const SWEEP = {
  id: 'start-queued',
  workflowType: 'StartQueued',
  every: '1 minute',
} as const;
export const SWEEP_SIGNALS = { now: 'sweepNow', pause: 'pause', resume: 'resume' } as const;

/** The state that one run of the sweep passes to the next. */
export interface SweepInput {
  isPaused?: boolean;
  isAsked?: boolean;
}

/**
 * The schedules: one destroys what has expired, the other hashes the files of backups. The id of
 * the schedule is also the id of the workflow, so no two runs of one schedule overlap.
 */
export const SCHEDULES = [
  { id: 'destroy-expired', workflowType: 'DestroyExpired', every: '1 hour', timeout: '12 hours' },
  { id: 'scrub-backups', workflowType: 'ScrubBackups', every: '1 hour', timeout: '12 hours' },
] as const;

/** The first backup of a deletion, and up to two more for users who changed in the meantime. */
export const MAX_PASSES = 3;

export const STATE_QUERY = 'state';

export interface JobInput {
  jobId: string;
}

export type Phase =
  | 'exporting'
  | 'verifying'
  | 'checking'
  | 'importing'
  | 'backingUp'
  | 'verifyingBackup'
  | 'deleting'
  | 'restoring'
  | 'settling'
  | 'notifying';

/** A phase that a job has entered. `startedAt` is as PostgreSQL writes timestamps in JSON. */
export interface EnteredPhase {
  phase: Phase;
  pass: number;
  startedAt: string;
}

/** The users of a deletion, by outcome. The other counts add up to `selected`. */
export interface DeletionCounts {
  selected: number;
  deleted: number;
  changedSinceBackup: number;
  notFound: number;
  held: number;
  failed: number;
  unprocessed: number;
}

/** The users of a restore, by outcome. The other counts add up to `selected`. */
export interface RestoreCounts {
  selected: number;
  restored: number;
  /** Users that exist already. They are left unchanged. */
  present: number;
  /** Users that the backup's deletion did not delete by this backup. */
  notFound: number;
  /** Users that the database does not accept as they were. A later restore may succeed. */
  failed: number;
  unprocessed: number;
}

/**
 * The lines of an imported file, by outcome. All counts but `unchanged` and `partial` add up to
 * `lines`.
 */
export interface ImportCounts {
  /** The number of lines read, if the file was not read to its end. */
  lines: number;
  /** Lines that created a user. */
  imported: number;
  /** Lines about an existing user. */
  merged: number;
  /** Merged lines that changed nothing. */
  unchanged: number;
  /** Lines about an existing user that was left unchanged. */
  skipped: number;
  /** Lines about a user under legal hold, left unchanged. */
  held: number;
  failed: number;
  /** Imported or merged lines of which some cells were left out. */
  partial: number;
  unprocessed: number;
}

export type FinalState = 'succeeded' | 'partiallySucceeded' | 'failed' | 'cancelled';

/** Numbers of a job's error, by name. The message has the same numbers in a sentence. */
export type ErrorData = Readonly<Record<string, number>>;

/** The end of a job: stored in its row and returned by its workflow. */
export interface JobResult {
  state: FinalState;
  /** Users or lines that failed, changed or were not processed. */
  failures: number;
  error?: { type: string; message: string; data?: ErrorData };
}

/** Facts about a job for Temporal's UI, beside its type and workspace. */
export interface AboutJob {
  /** The number of users the job is about; null while unknown. */
  count: number | null;
  /** The id of the key that started the job, as the API shows it. */
  askedBy: string;
  /** The ticket named in the job's reason, such as OPS-123. */
  ticket: string | null;
}

/**
 * A job as its workflow knows it. `finished` is set if the job ended before: then nothing is
 * repeated.
 */
export interface ClaimedJob {
  type: JobType;
  workspaceId: string;
  notify: boolean;
  /** Whether the job is about a few chosen users (its targets). */
  isSmall: boolean;
  /** Facts for Temporal's UI; they name no person. Missing in histories of earlier versions. */
  about?: AboutJob;
  finished?: JobResult;
}

/** A written or verified export. */
export interface WrittenExport {
  exportId: string;
  rows: number;
}

/** The result of a pass. The `changed` users are the targets of the next pass. */
export interface PassResult {
  deleted: number;
  changed: number;
}

/** The answer to the `state` query. */
export interface LiveState {
  phase: Phase | null;
  pass: number;
}

/** How a job's steps ended: completed, cancelled by an admin, or failed with an error. */
export type JobEnd =
  | { kind: 'completed' }
  | { kind: 'cancelled' }
  | { kind: 'failed'; type: string; message: string; data?: ErrorData };

/** The longest reason that a person may give, in UTF-16 code units. */
export const MAX_REASON_LENGTH = 1_000;
