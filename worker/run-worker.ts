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
import type { Activities } from '../workflows/contracts/activities.ts';
import { deliveryQueueOf } from '../workflows/contracts/deliveries.ts';
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
 * The time that a step has to end after the worker is asked to stop. Then another worker takes the
 * step over.
 */
const SHUTDOWN_GRACE = '1 s';
const SHUTDOWN_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Concurrent requests to webhooks. They mostly wait for receivers. */
const MAX_DELIVERIES = 40;
/** Concurrent steps. Each long step uses up to two lanes. */
const MAX_ACTIVITIES = 8;
const MAX_LANES = 2 * MAX_ACTIVITIES;

export interface WorkerOptions {
  /** For fault tests only. */
  crashPoint?: (point: CrashPoint) => void;
  /** How often the registration is repeated, in milliseconds; for fault tests only. */
  registrationIntervalMs?: number;
}

interface Starting {
  config: Config;
  log: Logger;
  health: Health;
  /** Cancels the start. */
  signal: AbortSignal;
}

/** Registers a function to call at the end. The last one registered is called first. */
type OnClose = (close: () => Promise<unknown>) => void;

/**
 * Waits for the database and Temporal, builds the dependencies, and works until SIGTERM or SIGINT.
 * Then it closes everything in reverse order. A failed start closes what it has opened.
 *
 * @throws errors that no waiting can fix; DatabaseRefusal, or an error named `TemporalRefusal`,
 *   says what to do
 */
export const runWorker = async (config: Config, options: WorkerOptions = {}): Promise<void> => {
  await makeDataFolder(config.dataDir);
  const log = createLog('worker', config.logLevel);
  const starting: Starting = { config, log, health: createHealth(), signal: listenForStop() };
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const onClose: OnClose = (close) => void closers.unshift(close);
    const opened = await openWorker(starting, options, onClose).catch((error: unknown) => {
      // The worker was stopped before it was ready.
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

/**
 * A signal that aborts at the first SIGTERM or SIGINT. Temporal's runtime also handles these, and
 * stops running workers.
 */
const listenForStop = (): AbortSignal => {
  const stop = new AbortController();
  for (const name of SHUTDOWN_SIGNALS) process.once(name, () => stop.abort());
  return stop.signal;
};

const openWorker = async (
  starting: Starting,
  { crashPoint = () => {}, registrationIntervalMs }: WorkerOptions,
  onClose: OnClose,
): Promise<{ workers: Worker[]; metricsPort: number | undefined }> => {
  const { config, log, health } = starting;
  // Opened first, so that health checks are answered while the worker waits.
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

/**
 * Waits for the database, and checks it. If a check fails, the connections are closed.
 *
 * @throws DatabaseRefusal when the database is not safe to delete from
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

/** Waits for Temporal, and registers what is missing. */
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

const createMailer = ({ resendApiKey, resendBaseUrl }: Config): Resend =>
  new Resend(resendApiKey, resendBaseUrl === undefined ? {} : { baseUrl: resendBaseUrl });

/**
 * Creates two workers: one for workflows and steps, and one for requests to webhooks, which may
 * wait long for receivers.
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
    // A worker that never ran keeps its connection in use, so that it could not be closed.
    await worker.runUntil(Promise.resolve());
    throw error;
  }
};

/**
 * Runs the workers until all have stopped. If one ends, the others are stopped.
 *
 * @throws the error of the first worker that failed
 */
const runAll = async (workers: readonly Worker[], signal: AbortSignal): Promise<void> => {
  const stop = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const runs = workers.map((worker) => worker.run().finally(stop));
  // The runtime passes a signal to its workers only once, maybe before these existed.
  if (signal.aborted) stop();
  const ends = await Promise.allSettled(runs);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
};
