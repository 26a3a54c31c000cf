import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { DeleteAllSettings } from './db/delete-all/delete-all-settings.ts';
import {
  databaseUrl,
  duration,
  durations,
  host,
  mailSender,
  networks,
  oneOf,
  percent,
  port,
  secret,
  text,
  UNIT_MS,
  webAddress,
  wholeNumber,
  ticketPrefixes,
} from './setting-values.ts';

/**
 * The share above which a deletion is of nearly everyone, in percent, unless a setting says
 * otherwise.
 */
export const DEFAULT_DELETE_ALL_PERCENT = 90;

/**
 * The settings of API and worker. `npm start` passes them on, so it checks them before it starts
 * anything.
 */
const commonSettings = {
  KEEPSAKE_DATA_DIR: text('the path of a folder').default('.keepsake'),
  HOST: host.default('127.0.0.1'),
  PORT: port.default(8080),
  PUBLIC_URL: webAddress.optional(),
  CONSOLE_DIR: text('the path of a folder').optional(),
  TEMPORAL_UI_URL: webAddress.optional(),
  TEMPORAL_TASK_QUEUE: text('the name of a queue').default('keepsake'),
  RESEND_BASE_URL: webAddress.optional(),
  RATE_LIMIT_PER_MINUTE: wholeNumber(1).default(6_000),
  TRUSTED_PROXIES: networks.default([]),
  DELETE_ALL_SIGNALS: oneOf('code', 'off').default('code'),
  TICKET_PREFIXES: ticketPrefixes.default([]),
  WEBHOOK_ALLOW_PRIVATE: oneOf('on', 'off').default('off'),
  LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'),
};

const RESEND_KEY = text('a key of Resend');

/** The environment of API or worker. Secrets have no default; only a local start generates them. */
const envSchema = z.object({
  ...commonSettings,
  DATABASE_URL: databaseUrl,
  WORKFLOW_BUNDLE: text('the path of a file').optional(),
  RESEND_API_KEY: RESEND_KEY,
  MAIL_FROM: mailSender.default('Keepsake <keepsake@localhost.localdomain>'),
  LINK_SECRET: secret,
  METRICS_PORT: port.optional(),
  LISTEN_FD: wholeNumber(3).optional(),
});

type Env = z.infer<typeof envSchema>;

/**
 * The environment of `npm start`: the settings of API and worker, ports, replacements for embedded
 * parts, and the settings it stores in the database.
 */
const localEnvSchema = z.object({
  ...commonSettings,
  TEMPORAL_PORT: port.default(7233),
  TEMPORAL_UI_PORT: port.default(8233),
  OUTBOX_PORT: port.default(8025),
  METRICS_PORT: port.default(0),
  MAIL_FROM: mailSender.optional(),
  LINK_SECRET: secret.optional(),
  DATABASE_URL: databaseUrl.optional(),
  TEMPORAL_ADDRESS: text('host and port of a Temporal server').optional(),
  TEMPORAL_CLI_PATH: text('the path of a program').optional(),
  RESEND_API_KEY: RESEND_KEY.optional(),
  DELETE_ALL_PERCENT: percent.default(DEFAULT_DELETE_ALL_PERCENT),
  DELETE_ALL_MEMORY: duration.default(7 * UNIT_MS.d),
  DELETE_ALL_WINDOW: duration.default(3 * UNIT_MS.d),
  DELETE_ALL_LAPSE: duration.default(14 * UNIT_MS.d),
  DELETE_ALL_REMIND_AFTER: duration.default(24 * UNIT_MS.h),
  DELETE_ALL_CLOSING_REMINDERS: durations.default([24 * UNIT_MS.h, 2 * UNIT_MS.h]),
});

export type LocalEnv = z.infer<typeof localEnvSchema>;

export type Config = ReturnType<typeof envToConfig>;

/** Removes empty variables: they count as not set. */
export const withoutEmpty = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

/**
 * Checks the environment of API or worker.
 *
 * @throws Error that names every setting that is missing or wrong
 */
export const readEnv = (env: NodeJS.ProcessEnv = process.env): Env => readAll(envSchema, env);

/** Checks the environment of `npm start`. @throws Error that names every setting that is wrong */
export const readLocalEnv = (env: NodeJS.ProcessEnv = process.env): LocalEnv =>
  readAll(localEnvSchema, env);

/** The settings of the API and worker processes, the same for both. */
export const envToConfig = (env: Env) => {
  const dataDir = resolve(env.KEEPSAKE_DATA_DIR);
  return {
    dataDir,
    storageDir: join(dataDir, 'files'),
    host: env.HOST,
    port: env.PORT,
    publicUrl: (env.PUBLIC_URL ?? `http://${env.HOST}:${env.PORT}`).replace(/\/+$/, ''),
    /** The folder with the build of the console; undefined if the API serves none. */
    consoleDir: env.CONSOLE_DIR,
    databaseUrl: env.DATABASE_URL,
    temporalUiUrl: env.TEMPORAL_UI_URL?.replace(/\/+$/, ''),
    taskQueue: env.TEMPORAL_TASK_QUEUE,
    workflowBundle: env.WORKFLOW_BUNDLE,
    resendApiKey: env.RESEND_API_KEY,
    resendBaseUrl: env.RESEND_BASE_URL,
    mailFrom: env.MAIL_FROM,
    linkSecret: env.LINK_SECRET,
    rateLimitPerMinute: env.RATE_LIMIT_PER_MINUTE,
    /** Addresses and networks whose `X-Forwarded-For` header is trusted. */
    trustedProxies: env.TRUSTED_PROXIES,
    /** The port of the worker's metrics; undefined if they are not served. */
    metricsPort: env.METRICS_PORT,
    /**
     * The descriptor of an inherited socket, bound to `port` (the API) or `metricsPort` (the
     * worker).
     */
    listenFd: env.LISTEN_FD,
    /**
     * Whether signals from Temporal's UI or CLI may make decisions, with a code from a mail. The
     * API always may.
     */
    deleteAllSignals: env.DELETE_ALL_SIGNALS,
    /** The prefixes of tickets in reasons. Only such tickets are shown in Temporal's UI. */
    ticketPrefixes: env.TICKET_PREFIXES,
    /** Whether webhooks may use http and private addresses, as in local development. */
    webhookAllowPrivate: env.WEBHOOK_ALLOW_PRIVATE === 'on',
    logLevel: env.LOG_LEVEL,
  };
};

/** The settings that decide about deletions of everyone, from the environment of `npm start`. */
export const deleteAllSettingsOf = (env: LocalEnv): DeleteAllSettings => ({
  percent: env.DELETE_ALL_PERCENT,
  memoryMs: env.DELETE_ALL_MEMORY,
  windowMs: env.DELETE_ALL_WINDOW,
  lapseMs: env.DELETE_ALL_LAPSE,
  remindAfterMs: env.DELETE_ALL_REMIND_AFTER,
  closingRemindersMs: env.DELETE_ALL_CLOSING_REMINDERS,
});

/**
 * @throws Error that names every setting that is missing or wrong, and what it must be, but never
 *   its value
 */
const readAll = <Settings>(schema: z.ZodType<Settings>, env: NodeJS.ProcessEnv): Settings => {
  const parsed = schema.safeParse(withoutEmpty(env));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.')}: ${issue.message}`,
  );
  throw new Error(`Keepsake cannot start with these settings:\n${problems.join('\n')}`);
};
