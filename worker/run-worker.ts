import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Runtime, type TelemetryOptions, Worker } from '@temporalio/worker';
import { type Logger, pino } from 'pino';
import { Resend } from 'resend';
import { createActivities } from '../activities/activities.ts';
import { createImportThreads } from '../activities/import-threads.ts';
import type { CrashPoint } from '../activities/deps.ts';
import type { Config } from '../config.ts';
import { type Database, openDatabase } from '../db/client.ts';
import { assertClock } from '../db/clock.ts';
import { assertDurable } from '../db/durability.ts';
import { WORKER_ROLE } from '../db/roles.ts';
import { createDirectoryStorage } from '../storage/directory.ts';
import { connectTemporal } from '../temporal/client.ts';
import { createPost } from '../webhooks/post.ts';
import type { Activities } from '../workflows/contract.ts';
import { deliveryQueueOf } from '../workflows/delivery-contract.ts';
import { startHeartbeat } from './heartbeat.ts';
import { keepRegistered } from './keep-registered.ts';
import { openMetrics } from './metrics.ts';
import { register } from './registration.ts';
import { createTemporalLogger } from './temporal-logger.ts';

/** Time a step has to end by itself once the worker is asked to stop; then another worker takes it over. */
const SHUTDOWN_GRACE = '1 s';
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
    shutdownSignals: ['SIGTERM', 'SIGINT'],
  });
};

/** @throws DatabaseRefusal when deletions must not rest on this database; nothing is left open then */
const openChecked = async ({ databaseUrl }: Config): Promise<Database> => {
  const database = openDatabase(databaseUrl, {
    applicationName: 'keepsake-worker',
    role: WORKER_ROLE,
  });
  try {
    await assertDurable(database.db);
    await assertClock(database.db);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
};

/** Closes what was opened, the last one first. */
type OnClose = (close: () => Promise<unknown>) => void;

/** One for workflows and steps, and one for the requests to webhooks, which may wait long for others. */
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
  config: Config,
  { crashPoint = () => {}, registrationIntervalMs }: WorkerOptions,
  onClose: OnClose,
): Promise<{ workers: Worker[]; log: Logger; metricsPort: number | undefined }> => {
  const log = pino({ level: config.logLevel, base: { process: 'worker' } });
  const database = await openChecked(config);
  onClose(database.close);
  const metrics = await openMetrics(config, (telemetry) => installRuntime(log, telemetry));
  onClose(metrics.close);
  const lanes = openDatabase(config.databaseUrl, {
    applicationName: 'keepsake-lanes',
    role: WORKER_ROLE,
    maxConnections: MAX_LANES,
    isForCopies: true,
  });
  onClose(lanes.close);
  const importThreads = createImportThreads();
  onClose(importThreads.close);
  const { client, namespace, close } = connectTemporal();
  onClose(close);
  const registerAll = () => register(client, namespace, config.taskQueue);
  await registerAll();
  const { connectionOptions } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  onClose(() => connection.close());
  const activities = createActivities({
    database,
    lanes: lanes.pool,
    storage: createDirectoryStorage(config.storageDir),
    mailer: createMailer(config),
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
  onClose(startHeartbeat({ db, workerId: randomUUID(), log, onSkew: metrics.clock }).stop);
  return { workers, log, metricsPort: metrics.port };
};

/** Runs until all have stopped; one that ends takes the others with it. @throws what one failed with */
const runAll = async (workers: readonly Worker[]): Promise<void> => {
  const stop = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const ends = await Promise.allSettled(workers.map((worker) => worker.run().finally(stop)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
};

/**
 * Builds the dependencies, works until SIGTERM or SIGINT, and closes in reverse. A start that fails closes
 * what it has opened, so that the process ends.
 */
export const runWorker = async (config: Config, options: WorkerOptions = {}): Promise<void> => {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const opened = await openWorker(config, options, (close) => closers.unshift(close));
    const { workers, log, metricsPort } = opened;
    log.info({ taskQueue: config.taskQueue, metricsPort }, 'worker is ready');
    await runAll(workers);
  } finally {
    for (const close of closers) await close();
  }
};
