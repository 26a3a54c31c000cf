import type { Compression, Format } from '../db/schema.ts';

/** Texts about a file for mails and the download page: counts, sizes and times for people. */

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** "1 user", "12,431 users". */
export const formatUsers = (count: number): string =>
  `${formatCount(count)} ${count === 1 ? 'user' : 'users'}`;

/** "812 bytes", "12.4 MB": powers of 1,000, one decimal. */
export const formatBytes = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  // 999.95 would be rounded to 1000.0.
  while (value >= (unit === 0 ? 1_000 : 999.95) && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  return `${value.toFixed(1)} ${UNITS[unit]}`;
};

const FORMAT_NAMES: Record<Format, string> = { csv: 'CSV', ndjson: 'NDJSON' };

/** "CSV", "NDJSON, gzip". */
export const formatKind = (file: { format: Format; compression: Compression }): string =>
  FORMAT_NAMES[file.format] + (file.compression === 'gzip' ? ', gzip' : '');

const TIMESTAMP = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
  timeZone: 'UTC',
});

/**
 * "24 November 2026, 10:15 UTC". Minutes are rounded down, so that a deadline is never stated too
 * late.
 */
export const formatTimestamp = (timestamp: Date): string => {
  const parts = new Map(TIMESTAMP.formatToParts(timestamp).map(({ type, value }) => [type, value]));
  const day = `${parts.get('day')} ${parts.get('month')} ${parts.get('year')}`;
  return `${day}, ${parts.get('hour')}:${parts.get('minute')} UTC`;
};
