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
import { APP_ROLE, type Database, openDatabase } from '../db/client.ts';
import { assertClock } from '../db/clock.ts';
import { assertDurable } from '../db/durability.ts';
import { createDirectoryStorage } from '../storage/directory.ts';
import { connectTemporal } from '../temporal/client.ts';
import { startHeartbeat } from './heartbeat.ts';
import { openMetrics } from './metrics.ts';
import { ensureSchedules, registerSearchAttributes } from './registration.ts';
import { createTemporalLogger } from './temporal-logger.ts';

/** Time a step has to end by itself once the worker is asked to stop; then another worker takes it over. */
const SHUTDOWN_GRACE = '1 s';
/** Steps at once; each long one uses up to two lanes. */
const MAX_ACTIVITIES = 8;
const MAX_LANES = 2 * MAX_ACTIVITIES;

export interface WorkerOptions {
  /** For fault tests only. */
  crashPoint?: (point: CrashPoint) => void;
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
    role: APP_ROLE,
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

/** Builds the dependencies, works until SIGTERM or SIGINT, and closes in reverse. */
export const runWorker = async (config: Config, options: WorkerOptions = {}): Promise<void> => {
  const log = pino({ level: config.logLevel, base: { process: 'worker' } });
  const database = await openChecked(config);
  const metrics = await openMetrics(config, (telemetry) => installRuntime(log, telemetry));
  const lanes = openDatabase(config.databaseUrl, {
    applicationName: 'keepsake-lanes',
    role: APP_ROLE,
    maxConnections: MAX_LANES,
    isForCopies: true,
  });
  const importThreads = createImportThreads();
  const temporal = connectTemporal();
  const { connectionOptions } = loadClientConnectConfig();
  await registerSearchAttributes(temporal.client, temporal.namespace);
  await ensureSchedules(temporal.client, config.taskQueue);
  const connection = await NativeConnection.connect(connectionOptions);
  const worker = await Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue: config.taskQueue,
    ...(config.workflowBundle === undefined
      ? { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) }
      : { workflowBundle: { codePath: config.workflowBundle } }),
    activities: createActivities({
      database,
      lanes: lanes.pool,
      storage: createDirectoryStorage(config.storageDir),
      mailer: createMailer(config),
      config,
      deleteAllPercent: config.deleteAllPercent,
      temporal: temporal.client,
      taskQueue: config.taskQueue,
      importThreads,
      meter: metrics.meter,
      crashPoint: options.crashPoint ?? (() => {}),
    }),
    maxConcurrentActivityTaskExecutions: MAX_ACTIVITIES,
    maxConcurrentLocalActivityExecutions: MAX_ACTIVITIES,
    shutdownGraceTime: SHUTDOWN_GRACE,
    stickyQueueScheduleToStartTimeout: '2 s',
  });
  const heartbeat = startHeartbeat({
    db: database.db,
    workerId: randomUUID(),
    log,
    onSkew: metrics.clock,
  });
  const { port: metricsPort } = metrics;
  log.info({ taskQueue: config.taskQueue, metricsPort }, 'worker is ready');
  try {
    await worker.run();
  } finally {
    await heartbeat.stop();
    await connection.close();
    for (const used of [temporal, importThreads, lanes, database, metrics]) await used.close();
  }
};
