import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Runtime, type TelemetryOptions, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { Resend } from 'resend';
import { createActivities } from '../activities/activities.ts';
import { createImportThreads } from '../activities/imports/import-threads.ts';
import type { CrashPoint } from '../activities/deps.ts';
import type { Config } from '../config.ts';
import { type Database, openDatabase } from '../db/client.ts';
import { assertDurable } from '../db/connections/durability.ts';
import { WORKER_ROLE } from '../db/roles.ts';
import { isDatabaseAway } from '../db/connections/sql-states.ts';
import { assertReady, startRefusalOf } from '../db/connections/start-check.ts';
import { createLog } from '../log.ts';
import { makeDataFolder } from '../storage/data-folder.ts';
import { createDirectoryStorage } from '../storage/directory.ts';
import { connectTemporal } from '../temporal/client.ts';
import { createPost } from '../webhooks/post.ts';
import type { Activities } from '../workflows/contract.ts';
import { deliveryQueueOf } from '../workflows/delivery-contract.ts';
import { createHealth, type Health } from './health.ts';
import { startHeartbeat } from './heartbeat.ts';
import { keepRegistered } from './keep-registered.ts';
import { openMetrics } from './metrics.ts';
import { register } from './registration.ts';
import { isTemporalThere } from '../temporal/is-there.ts';
import { temporalEndOf } from './temporal-away.ts';
import { createTemporalLogger } from './temporal-logger.ts';
import { waitUntilThere } from './wait-until-there.ts';

/**
 * Time a step has to end by itself once the worker is asked to stop; then another worker takes it
 * over.
 */
const SHUTDOWN_GRACE = '1 s';
const SHUTDOWN_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Requests to webhooks at once: they wait for others, mostly. */
const MAX_DELIVERIES = 40;
/** Steps at once; each long one uses up to two lanes. */
const MAX_ACTIVITIES = 8;
const MAX_LANES = 2 * MAX_ACTIVITIES;

export interface WorkerOptions {
  /** For fault tests only. */
  crashPoint?: (point: CrashPoint) => void;
  /** How often it looks whether Temporal still has its schedules; for fault tests only. */
  registrationIntervalMs?: number;
}

const createMailer = ({ resendApiKey, resendBaseUrl }: Config): Resend =>
  new Resend(resendApiKey, resendBaseUrl === undefined ? {} : { baseUrl: resendBaseUrl });

const installRuntime = (log: Logger, telemetryOptions: TelemetryOptions): void => {
  Runtime.install({
    logger: createTemporalLogger(log),
    telemetryOptions: {
      ...telemetryOptions,
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
    },
    shutdownSignals: [...SHUTDOWN_SIGNALS],
  });
};

interface Starting {
  config: Config;
  log: Logger;
  health: Health;
  /** Breaks the start off. */
  signal: AbortSignal;
}

/**
 * Waits for the database.
 *
 * @throws DatabaseRefusal when deletions must not rest on it; nothing is left open then
 */
const openChecked = async ({ config, ...waiting }: Starting): Promise<Database> => {
  const database = openDatabase(config.databaseUrl, {
    applicationName: 'keepsake-worker',
    role: WORKER_ROLE,
  });
  const { db } = database;
  try {
    await waitUntilThere({
      name: 'PostgreSQL',
      ask: async () => {
        await assertReady(db);
        await assertDurable(db);
      },
      endOf: (error) =>
        startRefusalOf(error) ?? (isDatabaseAway(error) ? undefined : (error as Error)),
      ...waiting,
    });
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
};

/** Waits for Temporal, and makes there what is missing. */
const connectWhenThere = async (
  { config: _config, ...waiting }: Starting,
  namespace: string,
  registerAll: () => Promise<unknown>,
): Promise<NativeConnection> => {
  const { connectionOptions } = loadClientConnectConfig();
  const since = performance.now();
  return waitUntilThere({
    name: 'Temporal',
    ask: async () => {
      await registerAll();
      return NativeConnection.connect(connectionOptions);
    },
    endOf: (error) => temporalEndOf(error, namespace, since),
    ...waiting,
  });
};

/** Closes what was opened, the last one first. */
type OnClose = (close: () => Promise<unknown>) => void;

/**
 * One for workflows and steps, and one for the requests to webhooks, which may wait long for
 * others.
 */
const createWorkers = async (
  {
    connection,
    namespace,
    config,
  }: { connection: NativeConnection; namespace: string; config: Config },
  activities: Activities,
): Promise<Worker[]> => {
  const common = { connection, namespace, shutdownGraceTime: SHUTDOWN_GRACE };
  const worker = await Worker.create({
    ...common,
    taskQueue: config.taskQueue,
    ...(config.workflowBundle === undefined
      ? { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) }
      : { workflowBundle: { codePath: config.workflowBundle } }),
    activities,
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxConcurrentLocalActivityExecutions: MAX_ACTIVITIES,
    stickyQueueScheduleToStartTimeout: '2 s',
  });
  const { attemptDelivery } = activities;
  try {
    const deliverer = await Worker.create({
      ...common,
      taskQueue: deliveryQueueOf(config.taskQueue),
      activities: { attemptDelivery },
      maxConcurrentActivityTaskExecutions: MAX_DELIVERIES,
    });
    return [worker, deliverer];
  } catch (error) {
    // A worker that never ran holds its connection, which cannot be closed then.
    await worker.runUntil(Promise.resolve());
    throw error;
  }
};

const openWorker = async (
  starting: Starting,
  { crashPoint = () => {}, registrationIntervalMs }: WorkerOptions,
  onClose: OnClose,
): Promise<{ workers: Worker[]; metricsPort: number | undefined }> => {
  const { config, log, health } = starting;
  // First of all, so that health is told while the worker waits.
  const metrics = await openMetrics(config, (telemetry) => installRuntime(log, telemetry), health);
  onClose(metrics.close);
  const database = await openChecked(starting);
  onClose(database.close);
  const lanes = openDatabase(config.databaseUrl, {
    applicationName: 'keepsake-lanes',
    role: WORKER_ROLE,
    maxConnections: MAX_LANES,
    isForCopies: true,
  });
  onClose(lanes.close);
  metrics.watchPools({ steps: database.pool, lanes: lanes.pool });
  const importThreads = createImportThreads();
  onClose(importThreads.close);
  const { client, namespace, close } = connectTemporal();
  onClose(close);
  const registerAll = () => register(client, namespace, config.taskQueue);
  const connection = await connectWhenThere(starting, namespace, registerAll);
  onClose(() => connection.close());
  const activities = createActivities({
    database,
    lanes: lanes.pool,
    storage: createDirectoryStorage(config.storageDir),
    mailer: createMailer(config),
    mailMeter: metrics.mailMeter,
    config,
    temporal: client,
    taskQueue: config.taskQueue,
    importThreads,
    webhooks: {
      post: createPost({ allowPrivate: config.webhookAllowPrivate }),
      meter: metrics.deliveryMeter,
    },
    meter: metrics.meter,
    crashPoint,
  });
  const workers = await createWorkers({ connection, namespace, config }, activities);
  onClose(keepRegistered({ register: registerAll, log, intervalMs: registrationIntervalMs }).stop);
  const { db } = database;
  const heartbeat = startHeartbeat({
    db,
    workerId: randomUUID(),
    taskQueue: config.taskQueue,
    log,
    onSkew: metrics.clock,
  });
  onClose(heartbeat.stop);
  health.askBy(async () => [
    ...(heartbeat.isBeating() ? [] : ['PostgreSQL does not respond.']),
    ...((await isTemporalThere(client, namespace)) ? [] : ['Temporal does not respond.']),
    ...(workers.every((one) => one.getState() === 'RUNNING') ? [] : ['the worker does not run.']),
  ]);
  return { workers, metricsPort: metrics.port };
};

/**
 * Runs until all have stopped; one that ends takes the others with it. @throws what one failed with
 */
const runAll = async (workers: readonly Worker[], signal: AbortSignal): Promise<void> => {
  const stop = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = workers.map((worker) => worker.run().finally(stop));
  // The runtime tells workers of a signal once; these may not have been there yet.
  if (signal.aborted) stop();
  const ends = await Promise.allSettled(runs);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
};

/**
 * Aborts at the first SIGTERM or SIGINT. Once workers run, Temporal's runtime hears these, too, and
 * stops them.
 */
const listenForStop = (): AbortSignal => {
  const stop = new AbortController();
  for (const name of SHUTDOWN_SIGNALS) process.once(name, () => stop.abort());
  return stop.signal;
};

/**
 * Waits for database and Temporal, builds the dependencies, works until SIGTERM or SIGINT, and
 * closes in reverse. A start that fails closes what it has opened.
 *
 * @throws what a start cannot wait for; DatabaseRefusal, or an error named `TemporalRefusal`, say
 *   what to do
 */
export const runWorker = async (config: Config, options: WorkerOptions = {}): Promise<void> => {
  await makeDataFolder(config.dataDir);
  const log = createLog('worker', config.logLevel);
  const starting: Starting = { config, log, health: createHealth(), signal: listenForStop() };
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const onClose: OnClose = (close) => void closers.unshift(close);
    const opened = await openWorker(starting, options, onClose).catch((error: unknown) => {
      // Somebody has stopped it before it began.
      if (starting.signal.aborted) return undefined;
      throw error;
    });
    if (opened === undefined) return;
    const { workers, metricsPort } = opened;
    log.info({ taskQueue: config.taskQueue, metricsPort }, 'worker is ready');
    await runAll(workers, starting.signal);
  } finally {
    for (const close of closers) await close();
  }
};
