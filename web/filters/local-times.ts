import { dateTimeOf } from '../../selection/date-times.ts';

/**
 * A time as an input of a browser has it, in the zone of the browser: `2026-11-23T09:30:00`. Empty
 * for a text that is not a time.
 */
export const toLocalInput = (value: string): string => {
  const time = new Date(value);
  if (dateTimeOf(value, 'datetime') === undefined || Number.isNaN(time.getTime())) return '';
  const day = [padded(time.getFullYear(), 4), padded(time.getMonth() + 1), padded(time.getDate())];
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => padded(part));
  return `${day.join('-')}T${clock.join(':')}`;
};

/** The time of such an input in UTC. Undefined while it is not complete. */
export const ofLocalInput = (text: string): string | undefined => {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString().replace('.000Z', 'Z');
};

const padded = (part: number, length = 2): string => String(part).padStart(length, '0');
