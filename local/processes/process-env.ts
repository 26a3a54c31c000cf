import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Servers, StartContext } from '../stack-servers.ts';
import { withoutTemporalSettings } from '../temporal/temporal-cli.ts';

/** Addresses that mean "all of this machine" cannot be called. */
const REACHABLE: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

export const apiUrlOf = (host: string, port: number): string => {
  const name = REACHABLE[host] ?? (host.includes(':') ? `[${host}]` : host);
  return `http://${name}:${port}`;
};

export const publicUrlOf = ({ env, ports }: StartContext): string =>
  env.PUBLIC_URL ?? apiUrlOf(env.HOST, ports.api.port);

/** The environment of API or worker: the caller's, with the settings of the started servers. */
export const processEnv = (
  context: StartContext,
  servers: Servers,
  databaseUrl: string,
): NodeJS.ProcessEnv => {
  const { env, inherited, dataDir, ports, secrets } = context;
  const { database, temporal, outbox, workflowBundle, consoleDir } = servers;
  let base = inherited;
  if (database.server !== undefined) base = withoutPostgresSettings(base);
  if (temporal !== undefined) base = withoutTemporalSettings(base);
  const mail =
    outbox === undefined
      ? { RESEND_API_KEY: env.RESEND_API_KEY }
      : { RESEND_API_KEY: secrets.RESEND_API_KEY, RESEND_BASE_URL: outbox.url };
  return {
    LINK_SECRET: secrets.LINK_SECRET,
    // Without this, glibc keeps freed memory for each thread: 40 MB more for a worker.
    MALLOC_ARENA_MAX: '2',
    ...base,
    ...temporalEnv(context, servers),
    ...mail,
    ...(env.MAIL_FROM !== undefined && { MAIL_FROM: env.MAIL_FROM }),
    KEEPSAKE_DATA_DIR: dataDir,
    DATABASE_URL: databaseUrl,
    HOST: env.HOST,
    PORT: String(ports.api.port),
    METRICS_PORT: String(ports.metrics.port),
    PUBLIC_URL: publicUrlOf(context),
    WORKFLOW_BUNDLE: workflowBundle,
    ...(consoleDir !== undefined && { CONSOLE_DIR: consoleDir }),
  };
};

/**
 * Removes variables such as PGSSLMODE: set for another PostgreSQL, they would keep clients from
 * ours.
 */
const withoutPostgresSettings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^PG[A-Z]+$/.test(name)));

const temporalEnv = (context: StartContext, { temporal }: Servers): NodeJS.ProcessEnv => {
  const { env, inherited, dataDir } = context;
  const uiUrl = env.TEMPORAL_UI_URL ?? temporal?.uiUrl;
  const own = { ...(uiUrl !== undefined && { TEMPORAL_UI_URL: uiUrl }) };
  if (temporal === undefined) return { ...own, TEMPORAL_ADDRESS: env.TEMPORAL_ADDRESS };
  // An own profile, because the one in the home folder may be for another server.
  const configFile = join(dataDir, 'temporal.toml');
  writeFileSync(configFile, '[profile.default]\n');
  const taskQueue = inherited['TEMPORAL_TASK_QUEUE'];
  return {
    ...own,
    ...(taskQueue !== undefined && { TEMPORAL_TASK_QUEUE: taskQueue }),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_CONFIG_FILE: configFile,
  };
};
