import { type Logger, type LoggerOptions, pino } from 'pino';

/** The log format of each process: JSON lines, levels as words, times in ISO 8601, UTC. */
export const logOptions = (process: 'api' | 'worker', level = 'info') =>
  ({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }) satisfies LoggerOptions;

export const createLog = (...of: Parameters<typeof logOptions>): Logger => pino(logOptions(...of));
