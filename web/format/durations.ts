import { countOf } from './numbers.ts';

/** A length of time as on a clock: `0:09`, `12:30`, `1:02:03`. Parts of a second are left out. */
export const formatClock = (seconds: number): string => {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [
    Math.floor(whole / 3_600),
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const tail = String(rest).padStart(2, '0');
  return hours === 0
    ? `${minutes}:${tail}`
    : `${hours}:${String(minutes).padStart(2, '0')}:${tail}`;
};

/** A time that something took, as on a clock. Less than a second is not zero: `< 0:01`. */
export const formatDuration = (seconds: number): string =>
  seconds < 1 ? '< 0:01' : formatClock(seconds);

/** The seconds between two times; until now if the second is null. */
export const secondsBetween = (from: string, to: string | null, nowMs = Date.now()): number =>
  ((to === null ? nowMs : Date.parse(to)) - Date.parse(from)) / 1_000;

/** The units of a length of time, the largest first, with the seconds that each has. */
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** A length of time in the largest unit that divides it: `3 days`, `36 hours`, `90 seconds`. */
export const formatLength = (seconds: number): string => {
  const [unit, size] = UNITS.find(([, each]) => seconds % each === 0) ?? ['second', 1];
  return countOf(seconds / size, unit);
};

/**
 * A remaining time, in the one unit that matters: `45 s`, `3 min`, `2 h`.
 *
 * @param round up for a wait, so that it is not longer than stated; down for a validity
 */
export const formatRest = (seconds: number, round: 'up' | 'down'): string => {
  const whole = round === 'up' ? Math.ceil : Math.floor;
  if (seconds < 60) return `${Math.max(0, whole(seconds))} s`;
  if (seconds < 3_600) return `${whole(seconds / 60)} min`;
  return `${whole(seconds / 3_600)} h`;
};
