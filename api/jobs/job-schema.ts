import { z } from 'zod';
import { JOB_STATES } from '../../db/schema.ts';
import { BAD_CELLS, EMPTY_CELLS, IMPORT_MODES, MATCH_KEYS } from '../../imports/options.ts';
import { RULES } from '../../imports/rules.ts';
import { JOB_KINDS, type JobType, type Phase } from '../../workflows/contract.ts';
import { mailSchema } from '../mails/mail-json.ts';

export const JOB_TYPES = Object.keys(JOB_KINDS) as JobType[];

/** What a job does in each phase, in the order they come. */
const PHASES = {
  exporting: 'writes the users of an export',
  verifying: 'reads the export back',
  checking: 'reads the file of an import whole and checks every line; nothing is written yet',
  importing: 'makes the lines users, chunk by chunk',
  backingUp: 'writes the users of a deletion to a backup',
  verifyingBackup: 'reads the backup back',
  deleting: 'deletes whom the backup holds',
  settling: 'finds out about those it did not delete; another pass may follow',
  restoring: 'puts users back from a backup',
  notifying: 'sends the mail',
} as const satisfies Record<Phase, string>;

const phaseSchema = z
  .enum(Object.keys(PHASES) as Phase[])
  .nullable()
  .describe(
    Object.entries(PHASES)
      .map(([phase, does]) => `${phase}: ${does}`)
      .join('; ') + '. Null before the first and after the end.',
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
    'How many users the phase is about, and how many of them it has dealt with; both begin anew with each ' +
      'phase and pass, and a step that is tried again counts again. A further pass of a deletion is about ' +
      'those alone who changed after the backup before it. Phases that go by files, not users, show all as ' +
      'processed. Once the job has ended: how many it was about, and all of them but the unprocessed.',
  );

const time = z.string().describe('RFC 3339, UTC');

const fileFacts = {
  rows: z.int(),
  bytes: z.int(),
  sha256: z.string(),
  removedAt: time.nullable().describe('Since when the file is gone; what it was stays as proof'),
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
    present: z.int().describe('There already, and left as they are'),
    notFound: z.int(),
    failed: z.int().default(0).describe('Not taken back by the database; the log has the reasons'),
    unprocessed: z.int(),
  })
  .meta({ id: 'RestoreCounts' });

const importCounts = z
  .object({
    lines: z.int().describe('Of data in the file; as many as were read, where it broke off'),
    imported: z.int().describe('Made a new user'),
    merged: z.int().describe('Were about a user who was there, also one made by an earlier line'),
    unchanged: z.int().describe('Of those merged: there was nothing to change'),
    skipped: z.int().describe('In mode insert: about a user who was there'),
    held: z.int().default(0).describe('About a user under legal hold, who was left as they are'),
    failed: z.int().describe('As many as the log holds, together with the held and partial ones'),
    partial: z
      .int()
      .default(0)
      .describe('Of the others: cells that could not be taken were left out'),
    unprocessed: z.int(),
  })
  .meta({ id: 'ImportCounts' });

const importResult = z
  .object({ bytes: z.int(), sha256: z.string(), expiresAt: time, removedAt: time.nullable() })
  .describe('The file that was uploaded; until it is removed the import may be retried over it')
  .meta({ id: 'ImportResult' });

const exportResult = z
  .object({ exportId: z.uuid(), ...fileFacts, expiresAt: time })
  .meta({ id: 'ExportResult' });

const deletionResult = z
  .object({
    backups: z
      .array(z.object({ id: z.uuid(), ...fileFacts }).meta({ id: 'JobBackup' }))
      .describe('One a pass, once verified'),
  })
  .meta({ id: 'DeletionResult' });

const restoreResult = z.object({ backupId: z.uuid() }).meta({ id: 'RestoreResult' });

/** A job as the API tells of it. */
export const jobSchema = z
  .object({
    id: z.uuid(),
    workspace: z.string(),
    type: z.enum(JOB_TYPES),
    state: z.enum(JOB_STATES),
    phase: phaseSchema,
    selection: z.looseObject({ type: z.string() }).describe('Chosen ids are shown as their count'),
    format: z.enum(['csv', 'ndjson']).optional().describe('Of an export'),
    compression: z.enum(['gzip', 'none']).optional().describe('Of an export'),
    columns: z.array(z.string()).optional().describe('Of an export, in their order'),
    spreadsheetSafe: z
      .boolean()
      .optional()
      .describe(
        'Of an export: text is guarded against formulas. Of an import: the guard is taken off; left out where the ' +
          'request did not say, and the byte-order mark of the file decides',
      ),
    mode: z.enum(IMPORT_MODES).optional().describe('Of an import'),
    mergeTags: z.boolean().optional().describe('Of an import'),
    dryRun: z.boolean().optional().describe('Of an import; no user is written by it'),
    emptyCells: z.enum(EMPTY_CELLS).optional().describe('Of an import'),
    badCells: z.enum(BAD_CELLS).optional().describe('Of an import'),
    matchBy: z.enum(MATCH_KEYS).optional().describe('Of an import'),
    mapping: z
      .object({
        name: z.string().nullable().describe('Of the saved mapping, where one was named'),
        columns: z
          .record(z.string(), z.string().nullable())
          .optional()
          .describe('How they were when it began; not in lists of jobs, nor in streams'),
      })
      .optional()
      .describe('Of an import whose columns are mapped'),
    actor: z.object({ id: z.uuid(), role: z.string(), ownerName: z.string() }),
    reason: z.string().nullable(),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    progress: progressSchema,
    counts: z
      .union([deletionCounts, restoreCounts, importCounts, exportCounts])
      .nullable()
      .describe(
        'Once the job has ended; those of a deletion or restore add up to selected, those of an import (but unchanged and partial) to lines',
      ),
    cleared: z
      .array(z.object({ column: z.string(), count: z.int() }))
      .optional()
      .describe(
        'Of an import, so far: values that were there and became unknown, or would in a dry run, by property; the most first',
      ),
    problems: z
      .array(
        z.object({
          column: z.string().nullable().describe('A property; null is the line as a whole'),
          rule: z.enum(RULES).describe('Does not change its name'),
          count: z.int().describe('Lines'),
          firstLine: z.int().describe('Its number in the file'),
        }),
      )
      .optional()
      .describe('Of an import, so far: which rules its lines break, the most frequent 100 first'),
    reasons: z
      .array(z.object({ reason: z.string(), count: z.int() }))
      .nullable()
      .describe(
        'Once a deletion, restore or import has ended: why users were left, the 100 most frequent reasons; ' +
          'docs/operations.md says what each means',
      ),
    requestId: z
      .string()
      .nullable()
      .describe(
        'The request that asked for it, as `x-request-id` of its answer and the log have it',
      ),
    retryOf: z.uuid().nullable().describe('The job that this one tries again'),
    retriedBy: z.uuid().nullable().describe('The job that tries this one again'),
    parent: z.uuid().nullable(),
    result: z.union([deletionResult, exportResult, importResult, restoreResult]).nullable(),
    erasedAt: time
      .nullable()
      .describe(
        'Since when its records are gone: they went with its backup or file, or with one of them',
      ),
    error: z.object({ type: z.string(), message: z.string() }).nullable(),
    mail: z
      .array(mailSchema)
      .describe('Mails about its end, one each time; empty until the first try'),
    links: z
      .record(z.string(), z.string())
      .describe(
        'What can be asked about it now; records and log once ended only if they name anyone',
      ),
    workflow: z.object({
      id: z.string(),
      runId: z.string().nullable(),
      uiUrl: z.string().nullable(),
    }),
    live: z
      .object({ phase: phaseSchema, pass: z.int() })
      .optional()
      .describe('What the workflow says of itself, when a worker answers in time'),
    waitingFor: z
      .object({
        type: z
          .string()
          .describe(
            'Of one that is queued `noWorker`, `temporalUnavailable`, or `start` in a moment; of a step that is tried ' +
              'again the type of its last failure, as an `error` has it, or `stepTimedOut` where its worker fell silent; ' +
              '`MailUnavailable` also of one that has ended, while its mail is tried again',
          ),
        since: time.describe('When the phase began'),
        attempt: z.int().describe('Which attempt comes next; 0 while it is queued'),
      })
      .optional()
      .describe(
        'What keeps the job from getting on, in the job itself; not in lists, nor in streams',
      ),
  })
  .meta({ id: 'Job' });

export type JobJson = z.infer<typeof jobSchema>;

/** The answer of a request that has started a job. */
export const startedJobSchema = jobSchema.describe(
  'The job. It runs by itself: ask for it at `Location`',
);
