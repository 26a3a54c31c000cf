import { type Logger, type LoggerOptions, pino } from 'pino';

/**
 * How each process writes its log: lines of JSON, with words for levels and times in ISO 8601, UTC.
 */
export const logOptions = (process: 'api' | 'worker', level = 'info') =>
  ({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }) satisfies LoggerOptions;

export const createLog = (...of: Parameters<typeof logOptions>): Logger => pino(logOptions(...of));
