import type { NewApiKey } from '../db/api-keys.ts';
import { MAX_KEY_DAYS } from '../rules/retention.ts';
import { dateTimeOf } from '../selection/date-times.ts';

const UNIT_SECONDS = { h: 3_600, d: 86_400 } as const;
const DURATION = /^([1-9]\d{0,4})([hd])$/;

/**
 * Parses the expiry of a key: a date (00:00 UTC), an RFC 3339 date and time, or a whole number of
 * hours or days, `12h` or `90d`. Undefined for any other text.
 */
export const readKeyExpiry = (text: string): NewApiKey['expires'] => {
  const [, count = '', unit = 'd'] = DURATION.exec(text) ?? [];
  if (count !== '') {
    const inSeconds = Number(count) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
    return inSeconds <= MAX_KEY_DAYS * UNIT_SECONDS.d ? { inSeconds } : undefined;
  }
  const date = dateTimeOf(text, 'date');
  const at = date === undefined ? dateTimeOf(text, 'datetime') : `${date}T00:00:00Z`;
  return at === undefined ? undefined : { at };
};
