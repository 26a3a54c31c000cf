import type { FastifyListenOptions } from 'fastify';
import type { Config } from '../config.ts';
import { APP_ROLE, openDatabase } from '../db/client.ts';
import { createDirectoryStorage } from '../storage/directory.ts';
import { connectTemporal } from '../temporal/client.ts';
import { buildApp } from './app.ts';
import { createRequestSender } from './request-sender.ts';
import { type ApiCrashPoint, createJobStarter } from './start-job.ts';

export interface ApiOptions {
  /** For fault tests only. */
  crashPoint?: (point: ApiCrashPoint) => void;
}

/** Not `localhost`, the default: Fastify would listen on it twice, for IPv4 and IPv6. */
const inheritedSocket = (fd: number): FastifyListenOptions => {
  const options = { fd, host: '' };
  return options;
};

/** Builds the dependencies and answers requests until SIGTERM or SIGINT; resolves once it listens. */
export const runApi = async (config: Config, options: ApiOptions = {}): Promise<void> => {
  const database = openDatabase(config.databaseUrl, {
    applicationName: 'keepsake-api',
    role: APP_ROLE,
  });
  const temporal = connectTemporal();
  const app = await buildApp({
    database,
    storage: createDirectoryStorage(config.storageDir),
    jobs: createJobStarter(temporal, config.taskQueue, options.crashPoint),
    requests: createRequestSender(temporal.client, config.taskQueue, config.deleteAllTimes),
    config,
    logLevel: config.logLevel,
  });

  /** Lets requests under way finish, then closes what was opened, in reverse. */
  const stop = async (): Promise<void> => {
    await app.close();
    await temporal.close();
    await database.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());

  const { host, port, listenFd: fd } = config;
  await app.listen(fd === undefined ? { host, port } : inheritedSocket(fd));
};
