import type { Db } from '../../db/client.ts';
import { hasLivingWorker, WORKER_SILENCE_SECONDS } from '../../db/heartbeats.ts';
import { refusalOf } from '../../db/connections/refusal.ts';
import { assertSchema } from '../../db/schema-version.ts';
import { type Storage, StorageError } from '../../storage/storage.ts';
import { askForAll, inTime } from '../ask.ts';
import type { JobWorkflows } from '../jobs/job-workflows.ts';

/** Longest wait for each response, in milliseconds. */
const DEADLINE_MS = 2_000;
/** Maximum age of a cached result, in milliseconds: anyone may call, at any rate. */
const MAX_AGE_MS = 1_000;

/** The parts that the API needs, and `queue`: whether a worker serves the queue. */
export const PARTS = ['database', 'schema', 'storage', 'temporal', 'queue'] as const;
export type Part = (typeof PARTS)[number];

/** The problem of each part, in one sentence; null without a problem. */
export type Readiness = Record<Part, string | null>;

export interface ReadinessDeps {
  /** A database on a separate connection. */
  db: Db;
  storage: Storage;
  jobs: Pick<JobWorkflows, 'isReachable'>;
  taskQueue: string;
}

const UNKNOWN = 'not known while the database is not available.';

type DatabaseParts = Pick<Readiness, 'database' | 'schema' | 'queue'>;

const AWAY: DatabaseParts = {
  database: 'PostgreSQL does not respond.',
  schema: UNKNOWN,
  queue: UNKNOWN,
};

const STORAGE = {
  full: 'the storage is full.',
  unwritable: 'the storage is not writable.',
  missing: 'the storage does not exist.',
  broken: 'the storage does not work.',
} as const;

/** Without a worker, the API still accepts jobs, which then wait for a worker. */
export const isReady = ({ queue: _queue, ...needed }: Readiness): boolean =>
  Object.values(needed).every((what) => what === null);

/** Checks once per second for all callers. */
export const createReadiness = (deps: ReadinessDeps): (() => Promise<Readiness>) =>
  askForAll(() => ask(deps), MAX_AGE_MS);

const ask = async (deps: ReadinessDeps): Promise<Readiness> => {
  const [ofDatabase, storage, isTemporalThere] = await Promise.all([
    inTime(askDatabase(deps), DEADLINE_MS, AWAY),
    inTime(askStorage(deps), DEADLINE_MS, 'the storage does not respond.'),
    inTime(deps.jobs.isReachable(), DEADLINE_MS, false),
  ]);
  return {
    ...ofDatabase,
    storage,
    temporal: isTemporalThere ? null : 'Temporal does not respond.',
  };
};

const askDatabase = async ({ db, taskQueue }: ReadinessDeps): Promise<DatabaseParts> => {
  try {
    await assertSchema(db);
    const isServed = await hasLivingWorker(db, taskQueue, WORKER_SILENCE_SECONDS);
    const queue = isServed
      ? null
      : `no worker serves the queue ${taskQueue}; jobs wait for a worker.`;
    return { database: null, schema: null, queue };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) return AWAY;
    const { code, message } = refusal;
    return code === 'schemaMissing' || code === 'schemaOutdated'
      ? { database: null, schema: message, queue: 'not known without the schema.' }
      : { ...AWAY, database: message };
  }
};

const askStorage = async ({ storage }: ReadinessDeps): Promise<string | null> => {
  try {
    await storage.check();
    return null;
  } catch (error) {
    return STORAGE[error instanceof StorageError ? error.problem : 'broken'];
  }
};
