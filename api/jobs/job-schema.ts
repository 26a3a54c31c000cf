import { z } from 'zod';
import { JOB_STATES } from '../../db/schema.ts';
import { BAD_CELLS, EMPTY_CELLS, IMPORT_MODES, MATCH_KEYS } from '../../imports/options.ts';
import { RULES } from '../../imports/rules.ts';
import { JOB_KINDS, type JobType, type Phase } from '../../workflows/contracts/jobs.ts';
import { mailSchema } from '../mails/mail-json.ts';

export const JOB_TYPES = Object.keys(JOB_KINDS) as JobType[];

/** What a job does in each phase, in order. */
const PHASES = {
  exporting: 'writes the users of an export, and reads each part back',
  verifying: 'marks the export as verified if its sums close',
  checking: 'reads the whole file of an import and checks every line, before any user is written',
  importing: 'writes the lines as users, chunk by chunk',
  backingUp: 'writes the users of a deletion to a backup, and reads each part back',
  verifyingBackup:
    'marks the backup of a deletion as verified if its sums close, or reads the backup of a restore',
  deleting: 'deletes the users in the backup',
  settling: 'determines the outcome of users that were not deleted; another pass may follow',
  restoring: 'restores users from a backup',
  notifying: 'sends the mail',
} as const satisfies Record<Phase, string>;

const phaseNameSchema = z.enum(Object.keys(PHASES) as Phase[]);

const phaseSchema = phaseNameSchema.nullable().describe(
  Object.entries(PHASES)
    .map(([phase, does]) => `${phase}: ${does}`)
    .join('; ') + '. Null before the first phase and after the end.',
);

const progressSchema = z
  .object({
    pass: z.int().nullable().describe('Null once the job has ended'),
    total: z.int().nullable(),
    processed: z.int(),
    ratePerSecond: z.number().nullable(),
    etaSeconds: z.int().nullable(),
  })
  .describe(
    'Number of users in the phase, and number of processed users. Both start again with each phase and ' +
      'pass, and when a step is retried. A further pass of a deletion has only the users that changed ' +
      'after the previous backup. Phases that process files, not users, show all users as processed. ' +
      'Once the job has ended: all users of the job, and all users except the unprocessed.',
  );

const time = z.string().describe('RFC 3339, UTC');

const enteredPhaseSchema = z
  .object({
    phase: phaseNameSchema,
    pass: z.int().describe('1, or for further passes of a deletion 2 and 3'),
    startedAt: time,
    finishedAt: time.nullable().describe('Null for the current phase'),
    total: z.int().nullable().describe('Null if not known'),
    processed: z.int(),
  })
  .meta({ id: 'JobPhase' });

const fileFacts = {
  rows: z.int(),
  bytes: z.int(),
  sha256: z.string(),
  removedAt: time
    .nullable()
    .describe('When the file was removed; the other values remain as a record'),
};

const deletionCounts = z
  .object({
    selected: z.int(),
    deleted: z.int(),
    changedSinceBackup: z.int(),
    notFound: z.int(),
    held: z.int(),
    failed: z.int(),
    unprocessed: z.int(),
  })
  .meta({ id: 'DeletionCounts' });

const exportCounts = z
  .object({ selected: z.int(), exported: z.int(), notFound: z.int() })
  .meta({ id: 'ExportCounts' });

const restoreCounts = z
  .object({
    selected: z.int(),
    restored: z.int(),
    present: z.int().describe('Users that already exist; they stay unchanged'),
    notFound: z.int(),
    failed: z
      .int()
      .default(0)
      .describe('Users that the database rejected; the log has the reasons'),
    unprocessed: z.int(),
  })
  .meta({ id: 'RestoreCounts' });

const importCounts = z
  .object({
    lines: z
      .int()
      .describe('Lines of data in the file; if the job failed, the lines that were read'),
    imported: z.int().describe('Lines that created a user'),
    merged: z
      .int()
      .describe('Lines for an existing user, including users that an earlier line created'),
    unchanged: z.int().describe('Merged lines with nothing to change'),
    skipped: z.int().describe('In mode insert: lines for an existing user'),
    held: z
      .int()
      .default(0)
      .describe('Lines for a user under legal hold; the user stays unchanged'),
    failed: z.int().describe('Lines that failed. The log has the failed, held and partial lines'),
    partial: z.int().default(0).describe('Lines that were imported without their invalid cells'),
    unprocessed: z.int(),
  })
  .meta({ id: 'ImportCounts' });

const importResult = z
  .object({ bytes: z.int(), sha256: z.string(), expiresAt: time, removedAt: time.nullable() })
  .describe('The uploaded file. The import can be retried with this file until the file is removed')
  .meta({ id: 'ImportResult' });

const exportResult = z
  .object({ exportId: z.uuid(), ...fileFacts, expiresAt: time })
  .meta({ id: 'ExportResult' });

const deletionResult = z
  .object({
    backups: z
      .array(z.object({ id: z.uuid(), ...fileFacts }).meta({ id: 'JobBackup' }))
      .describe('One backup per pass, listed once it is verified'),
  })
  .meta({ id: 'DeletionResult' });

const restoreResult = z.object({ backupId: z.uuid() }).meta({ id: 'RestoreResult' });

/** A job as the API returns it. */
export const jobSchema = z
  .object({
    id: z.uuid(),
    workspace: z.string(),
    type: z.enum(JOB_TYPES),
    state: z.enum(JOB_STATES),
    phase: phaseSchema,
    selection: z.looseObject({ type: z.string() }).describe('Chosen ids are shown as their count'),
    format: z.enum(['csv', 'ndjson']).optional().describe('For exports'),
    compression: z.enum(['gzip', 'none']).optional().describe('For exports'),
    columns: z.array(z.string()).optional().describe('For exports, in this order'),
    spreadsheetSafe: z
      .boolean()
      .optional()
      .describe(
        'For exports: text is guarded against formulas. For imports: the guard is removed; absent if the ' +
          'request did not set it, so that the byte-order mark of the file decides',
      ),
    mode: z.enum(IMPORT_MODES).optional().describe('For imports'),
    mergeTags: z.boolean().optional().describe('For imports'),
    dryRun: z.boolean().optional().describe('For imports: no user is written'),
    emptyCells: z.enum(EMPTY_CELLS).optional().describe('For imports'),
    badCells: z.enum(BAD_CELLS).optional().describe('For imports'),
    matchBy: z.enum(MATCH_KEYS).optional().describe('For imports'),
    mapping: z
      .object({
        name: z
          .string()
          .nullable()
          .describe('Name of the saved mapping, if the request named a mapping'),
        columns: z
          .record(z.string(), z.string().nullable())
          .optional()
          .describe('The values at the start of the job; not in lists of jobs or streams'),
      })
      .optional()
      .describe('For imports with mapped columns'),
    actor: z.object({ id: z.uuid(), role: z.string(), ownerName: z.string() }),
    reason: z.string().nullable(),
    notify: z.boolean().describe('A mail about the end is sent to the owner of the key'),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    progress: progressSchema,
    phases: z
      .array(enteredPhaseSchema)
      .describe(
        'All phases so far, in their order, with their users. Each ends as the next one begins. A step that is ' +
          'retried continues its phase. Empty for jobs of earlier versions',
      ),
    counts: z
      .union([deletionCounts, restoreCounts, importCounts, exportCounts])
      .nullable()
      .describe(
        'Set once the job has ended. The counts of a deletion or restore add up to selected. The counts of an import, without unchanged and partial, add up to lines',
      ),
    cleared: z
      .array(z.object({ column: z.string(), count: z.int() }))
      .optional()
      .describe(
        'For imports: the number of values cleared so far, by property, in descending order; in a dry run, values that would be cleared',
      ),
    problems: z
      .array(
        z.object({
          column: z.string().nullable().describe('A property; null for the whole line'),
          rule: z.enum(RULES).describe('The names of rules are stable'),
          count: z.int().describe('Lines'),
          firstLine: z.int().describe('Number of the line in the file'),
        }),
      )
      .optional()
      .describe(
        'For imports: the rules that lines broke so far; the 100 most frequent, in descending order',
      ),
    reasons: z
      .array(z.object({ reason: z.string(), count: z.int() }))
      .nullable()
      .describe(
        'Once a deletion, restore or import has ended: the 100 most frequent reasons why users were not ' +
          'processed; docs/operations.md explains each reason',
      ),
    requestId: z
      .string()
      .nullable()
      .describe(
        'Id of the request that started the job, as in its `x-request-id` header and in the log',
      ),
    retryOf: z.uuid().nullable().describe('The job that this job retries'),
    retriedBy: z.uuid().nullable().describe('The job that retries this job'),
    parent: z.uuid().nullable(),
    result: z.union([deletionResult, exportResult, importResult, restoreResult]).nullable(),
    erasedAt: time
      .nullable()
      .describe('When the records of the job were erased, together with a backup or a file'),
    error: z
      .object({
        type: z.string(),
        message: z.string(),
        data: z
          .record(z.string(), z.number())
          .optional()
          .describe(
            'Numbers of the message. `selectionChanged`: confirmed, found. `deleteAllRequired`: all, the users at one ' +
              'time, now or in the last days; of these, taken, deleted by running and recent deletions, and ' +
              'selected, to be deleted by this job or those that are running; percent, the share of both',
          ),
      })
      .nullable(),
    mail: z.array(mailSchema).describe('Mails about the end of the job; empty until the first try'),
    links: z
      .record(z.string(), z.string())
      .describe(
        'Related resources that are available now; after the end, records and log only if they have entries',
      ),
    workflow: z.object({
      id: z.string(),
      runId: z.string().nullable(),
      uiUrl: z.string().nullable(),
    }),
    live: z
      .object({ phase: phaseSchema, pass: z.int() })
      .optional()
      .describe('State that the workflow reports, if a worker responds in time'),
    retrySelects: z
      .enum(['left', 'again'])
      .optional()
      .describe(
        'For a deletion that can be retried, except in lists: `left` if a retry has exactly the users that it ' +
          'left, `again` if it ended before it knew them. Then a retry reads its filter again, for at most the ' +
          'confirmed number of users',
      ),
    waitingFor: z
      .object({
        type: z
          .string()
          .describe(
            'For a queued job: `noWorker`, `temporalUnavailable`, or `start` if it starts soon. For a step that is ' +
              'retried: the type of its last failure, as in `error`, or `stepTimedOut` if its worker stopped ' +
              'responding. For an ended job while its mail is retried: `MailUnavailable`',
          ),
        since: time.describe('When the phase started'),
        attempt: z.int().describe('Number of the next attempt; 0 while the job is queued'),
      })
      .optional()
      .describe('What the job is waiting for; only in a single job, not in lists or streams'),
  })
  .meta({ id: 'Job' });

export type JobJson = z.infer<typeof jobSchema>;

/** The response of a request that started a job. */
export const startedJobSchema = jobSchema.describe(
  'The job. It runs in the background; read its state at `Location`',
);
