const LOCAL: Intl.DateTimeFormatOptions = {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'short',
};

/** The units of a relative time, the largest first, with the seconds that each has. */
const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

const ZONE = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });
const DAY_TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/**
 * A time with its zone, as in `28 Dec 2026, 14:05 CET`.
 *
 * @param timeZone the zone of the browser by default
 */
export const formatTime = (time: Date, timeZone?: string): string =>
  new Intl.DateTimeFormat('en-GB', {
    ...LOCAL,
    ...(timeZone !== undefined && { timeZone }),
  }).format(time);

/** The zone of the browser at a time, as in `CET`; at present, if there is no such time. */
export const zoneOf = (time: Date): string =>
  ZONE.formatToParts(Number.isNaN(time.getTime()) ? new Date() : time).find(
    ({ type }) => type === 'timeZoneName',
  )?.value ?? '';

/** The time of day, as in `14:05`. For a time that is surely today. */
export const formatDayTime = (time: Date): string => DAY_TIME.format(time);

/** As in `in 3 days` or `2 hours ago`; less than a minute is `now`. */
export const formatRelative = (time: Date, now: Date): string => {
  const seconds = (time.getTime() - now.getTime()) / 1_000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return 'now';
};
