import type { FastifyListenOptions } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { type Database, openDatabase } from '../db/client.ts';
import type { StatementTimeouts } from '../db/connections/connection.ts';
import { API_ROLE } from '../db/roles.ts';
import { isDatabaseAway } from '../db/connections/sql-states.ts';
import { assertReady, startRefusalOf } from '../db/connections/start-check.ts';
import { createLog } from '../log.ts';
import { makeDataFolder } from '../storage/data-folder.ts';
import { createDirectoryStorage } from '../storage/directory.ts';
import { connectTemporal } from '../temporal/client.ts';
import { buildApp } from './build-app.ts';
import {
  COUNT_TIMEOUTS,
  DATABASE_LIMITS,
  FIGURES_TIMEOUTS,
  HEALTH_TIMEOUTS,
  MAX_COUNTS_AT_ONCE,
} from './http/limits.ts';
import { ownerOfRequest } from './request-owner.ts';
import { createRequestWorkflows } from './delete-all/request-workflows.ts';
import { type ApiCrashPoint, createJobWorkflows } from './jobs/job-workflows.ts';

export interface ApiOptions {
  /** For fault tests only. */
  crashPoint?: (point: ApiCrashPoint) => void;
}

/**
 * Builds the dependencies and answers requests until SIGTERM or SIGINT; resolves once it listens.
 */
export const runApi = async (config: Config, options: ApiOptions = {}): Promise<void> => {
  await makeDataFolder(config.dataDir);
  const database = openDatabase(config.databaseUrl, {
    applicationName: 'keepsake-api',
    role: API_ROLE,
    ...DATABASE_LIMITS,
    shares: { ...DATABASE_LIMITS.shares, ownerOf: ownerOfRequest },
  });
  await checkDatabase(database, createLog('api', config.logLevel));
  const openFew = (applicationName: string, maxConnections: number, timeouts: StatementTimeouts) =>
    openDatabase(config.databaseUrl, {
      applicationName,
      role: API_ROLE,
      maxConnections,
      timeouts,
    });
  const health = openFew('keepsake-health', 1, HEALTH_TIMEOUTS);
  const figures = openFew('keepsake-figures', 1, FIGURES_TIMEOUTS);
  const counts = openFew('keepsake-counts', MAX_COUNTS_AT_ONCE, COUNT_TIMEOUTS);
  const temporal = connectTemporal();
  const app = await buildApp({
    database,
    health,
    figures,
    counts,
    storage: createDirectoryStorage(config.storageDir),
    jobs: createJobWorkflows(temporal, config.taskQueue, options.crashPoint),
    requests: createRequestWorkflows(temporal.client, config.taskQueue),
    config,
    logLevel: config.logLevel,
  });

  /** Waits for running requests, then closes all resources in reverse order. */
  const stop = async (): Promise<void> => {
    await app.close();
    await temporal.close();
    await counts.close();
    await figures.close();
    await health.close();
    await database.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());

  const { host, port, listenFd: fd } = config;
  await app.listen(fd === undefined ? { host, port } : inheritedSocket(fd));
};

/**
 * The API starts without a database: the log and `/readyz` report this, and requests are answered
 * with 503 until the database is available.
 *
 * @throws DatabaseRefusal if the database must not be used; all resources are closed then
 */
const checkDatabase = async (database: Database, log: Logger): Promise<void> => {
  try {
    await assertReady(database.db);
  } catch (error) {
    const refusal = startRefusalOf(error);
    if (refusal !== undefined || !isDatabaseAway(error)) {
      await database.close();
      throw refusal ?? error;
    }
    const { code, message } = error as NodeJS.ErrnoException;
    log.warn(
      { error: { code, message } },
      'PostgreSQL is not available: requests are answered with 503',
    );
  }
};

/** Not the default `localhost`: Fastify would listen twice, for IPv4 and IPv6. */
const inheritedSocket = (fd: number): FastifyListenOptions => {
  const options = { fd, host: '' };
  return options;
};
