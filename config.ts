import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { DeleteAllSettings } from './db/delete-all-settings.ts';

const portSchema = z.coerce.number().int().min(0).max(65_535);

const databaseUrlSchema = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'must be of the form postgres://user:password@host:port/database',
});

/** A variable that is empty is not set. */
export const withoutEmpty = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));

/** A larger share of a workspace than this is nearly everyone, where no setting says otherwise. */
export const DEFAULT_DELETE_ALL_PERCENT = 90;

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^([1-9]\d{0,5})([smhd])$/;
/** Temporal keeps closed histories for 30 days; nothing here needs to wait longer. */
const MAX_DURATION_MS = 30 * UNIT_MS.d;
const MAX_REMINDERS = 5;

const toMs = (text: string): number => {
  const [, count = '', unit = 's'] = DURATION.exec(text) ?? [];
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
};

/** A whole number and its unit: `30s`, `15m`, `24h`, `3d`; 30 days at most. In milliseconds. */
const durationSchema = z
  .string()
  .regex(DURATION, 'is not a whole number of s, m, h or d, such as 3d')
  .transform(toMs)
  .refine((ms) => ms <= MAX_DURATION_MS, 'is longer than 30d');

const durationsSchema = z
  .string()
  .transform((text) => (text === 'none' ? [] : text.split(',')))
  .pipe(z.array(durationSchema).max(MAX_REMINDERS));

/** Shortest secret accepted for signing links, in characters. */
const MIN_SECRET_LENGTH = 32;

/** What the environment may say. Secrets have no default; only a local start generates them. */
const envSchema = z.object({
  KEEPSAKE_DATA_DIR: z.string().min(1).default('.keepsake'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: portSchema.default(8080),
  PUBLIC_URL: z.url().optional(),
  DATABASE_URL: databaseUrlSchema,
  TEMPORAL_UI_URL: z.url().optional(),
  TEMPORAL_TASK_QUEUE: z.string().min(1).default('keepsake'),
  WORKFLOW_BUNDLE: z.string().min(1).optional(),
  RESEND_API_KEY: z.string().min(1),
  RESEND_BASE_URL: z.url().optional(),
  MAIL_FROM: z.string().min(3).default('Keepsake <keepsake@localhost.localdomain>'),
  LINK_SECRET: z.string().min(MIN_SECRET_LENGTH),
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().min(1).default(6_000),
  TRUSTED_PROXIES: z.string().default(''),
  METRICS_PORT: portSchema.optional(),
  LISTEN_FD: z.coerce.number().int().min(3).optional(),
  DELETE_ALL_SIGNALS: z.enum(['code', 'off']).default('code'),
  DELETE_ALL_REMIND_AFTER: durationSchema.default(24 * UNIT_MS.h),
  DELETE_ALL_CLOSING_REMINDERS: durationsSchema.default([24 * UNIT_MS.h, 2 * UNIT_MS.h]),
  WEBHOOK_ALLOW_PRIVATE: z.enum(['on', 'off']).default('off'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

type Env = z.infer<typeof envSchema>;

/** Checks the environment. @throws Error naming every variable that is missing or malformed. */
export const readEnv = (env: NodeJS.ProcessEnv = process.env): Env => {
  const parsed = envSchema.safeParse(withoutEmpty(env));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.')}: ${issue.message}`,
  );
  throw new Error(`Keepsake cannot start, its settings are incomplete:\n${problems.join('\n')}`);
};

/** The settings of the API and worker processes; the same for both. */
export const envToConfig = (env: Env) => {
  const dataDir = resolve(env.KEEPSAKE_DATA_DIR);
  return {
    dataDir,
    storageDir: join(dataDir, 'files'),
    host: env.HOST,
    port: env.PORT,
    publicUrl: (env.PUBLIC_URL ?? `http://${env.HOST}:${env.PORT}`).replace(/\/+$/, ''),
    databaseUrl: env.DATABASE_URL,
    temporalUiUrl: env.TEMPORAL_UI_URL?.replace(/\/+$/, ''),
    taskQueue: env.TEMPORAL_TASK_QUEUE,
    workflowBundle: env.WORKFLOW_BUNDLE,
    resendApiKey: env.RESEND_API_KEY,
    resendBaseUrl: env.RESEND_BASE_URL,
    mailFrom: env.MAIL_FROM,
    linkSecret: env.LINK_SECRET,
    rateLimitPerMinute: env.RATE_LIMIT_PER_MINUTE,
    /** Addresses and networks whose `X-Forwarded-For` is believed. */
    trustedProxies: env.TRUSTED_PROXIES.split(',')
      .map((text) => text.trim())
      .filter(Boolean),
    /** Where the worker serves its metrics; nowhere when not set. */
    metricsPort: env.METRICS_PORT,
    /** An inherited socket, bound to `port` (the API) or `metricsPort` (the worker). */
    listenFd: env.LISTEN_FD,
    /** Whether signals from Temporal's UI or CLI decide, by the code of a mail; those of the API always do. */
    deleteAllSignals: env.DELETE_ALL_SIGNALS,
    deleteAllTimes: {
      remindAfterMs: env.DELETE_ALL_REMIND_AFTER,
      closingRemindersMs: env.DELETE_ALL_CLOSING_REMINDERS,
    },
    /** Whether webhooks may lead to http and private addresses, as in local development. */
    webhookAllowPrivate: env.WEBHOOK_ALLOW_PRIVATE === 'on',
    logLevel: env.LOG_LEVEL,
  };
};

export type Config = ReturnType<typeof envToConfig>;

/**
 * What `npm start` reads beside: ports, what replaces an embedded part, and what it stores in the
 * database for API and worker.
 */
const localEnvSchema = z.object({
  KEEPSAKE_DATA_DIR: z.string().min(1).default('.keepsake'),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: portSchema.default(8080),
  TEMPORAL_PORT: portSchema.default(7233),
  TEMPORAL_UI_PORT: portSchema.default(8233),
  OUTBOX_PORT: portSchema.default(8025),
  METRICS_PORT: portSchema.default(0),
  PUBLIC_URL: z.url().optional(),
  MAIL_FROM: z.string().min(3).optional(),
  DATABASE_URL: databaseUrlSchema.optional(),
  TEMPORAL_ADDRESS: z.string().min(1).optional(),
  TEMPORAL_UI_URL: z.url().optional(),
  TEMPORAL_CLI_PATH: z.string().min(1).optional(),
  RESEND_API_KEY: z.string().min(1).optional(),
  DELETE_ALL_PERCENT: z.coerce.number().min(1).max(100).default(DEFAULT_DELETE_ALL_PERCENT),
  DELETE_ALL_MEMORY: durationSchema.default(7 * UNIT_MS.d),
  DELETE_ALL_WINDOW: durationSchema.default(3 * UNIT_MS.d),
  DELETE_ALL_LAPSE: durationSchema.default(14 * UNIT_MS.d),
});

export type LocalEnv = z.infer<typeof localEnvSchema>;

/** @throws Error naming every variable that is malformed. */
export const readLocalEnv = (env: NodeJS.ProcessEnv = process.env): LocalEnv => {
  const parsed = localEnvSchema.safeParse(withoutEmpty(env));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.')}: ${issue.message}`,
  );
  throw new Error(`Keepsake cannot start, its settings are malformed:\n${problems.join('\n')}`);
};

/** What decides over deleting everyone, as the environment of `npm start` says. */
export const deleteAllSettingsOf = (env: LocalEnv): DeleteAllSettings => ({
  percent: env.DELETE_ALL_PERCENT,
  memoryMs: env.DELETE_ALL_MEMORY,
  windowMs: env.DELETE_ALL_WINDOW,
  lapseMs: env.DELETE_ALL_LAPSE,
});
