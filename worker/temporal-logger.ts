import { ApplicationFailure, type LogMetadata } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/** The attributes of a log line that are logged: ids, counts and names. */
const SHOWN = [
  'activityType',
  'workflowId',
  'attempt',
  'durationMs',
  'jobId',
  'requestId',
  'type',
  'workspaceId',
  'state',
  'counts',
  'errorType',
  'errorMessage',
  'target',
  'exportId',
  'part',
  'figure',
] as const;

const LONGEST_TEXT = 500;
const METHODS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const;

/**
 * Describes an error for the log. Messages of our own failures hold only ids and counts. Of any
 * other error only the name, code and stack are logged.
 */
export const describeFailure = (error: unknown): unknown => {
  // Temporal's native part reports errors as text, about connections and tasks, never about users.
  if (!(error instanceof Error)) return String(error).slice(0, LONGEST_TEXT);
  if (error instanceof ApplicationFailure) return { type: error.type, message: error.message };
  const { code } = error as NodeJS.ErrnoException;
  return { name: error.name, ...(code !== undefined && { code }), stack: framesOf(error) };
};

/**
 * Writes the log lines of Temporal's runtime, activities and workflows to the process's own log.
 */
export const createTemporalLogger = (log: Logger): DefaultLogger =>
  new DefaultLogger('INFO', ({ level, message, meta = {} }) =>
    log[METHODS[level]](attributesOf(meta), message),
  );

/** The stack without the message, because the message may contain a user's data. */
const framesOf = ({ stack = '' }: Error): string[] =>
  stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .map((line) => line.trim());

const attributesOf = (meta: LogMetadata): Record<string, unknown> => ({
  ...Object.fromEntries(SHOWN.flatMap((name) => (name in meta ? [[name, meta[name]]] : []))),
  ...('error' in meta && { error: describeFailure(meta['error']) }),
});
