import { ApplicationFailure, type LogMetadata } from '@temporalio/common';
import { DefaultLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/** What is logged of a line's attributes: ids, counts and names of ours and of Temporal's. */
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

/** Lines and columns of the code, without the message, which may quote a user's data. */
const framesOf = ({ stack = '' }: Error): string[] =>
  stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .map((line) => line.trim());

/**
 * Our own failures say ids and counts only; of any other error only its kind and place are told.
 */
export const describeFailure = (error: unknown): unknown => {
  // What Temporal's native part met, as text: of connections and tasks, never of users.
  if (!(error instanceof Error)) return String(error).slice(0, LONGEST_TEXT);
  if (error instanceof ApplicationFailure) return { type: error.type, message: error.message };
  const { code } = error as NodeJS.ErrnoException;
  return { name: error.name, ...(code !== undefined && { code }), stack: framesOf(error) };
};

const attributesOf = (meta: LogMetadata): Record<string, unknown> => ({
  ...Object.fromEntries(SHOWN.flatMap((name) => (name in meta ? [[name, meta[name]]] : []))),
  ...('error' in meta && { error: describeFailure(meta['error']) }),
});

/**
 * Takes the lines of Temporal's runtime, of activities and workflows into the process's own log.
 */
export const createTemporalLogger = (log: Logger): DefaultLogger =>
  new DefaultLogger('INFO', ({ level, message, meta = {} }) =>
    log[METHODS[level]](attributesOf(meta), message),
  );
