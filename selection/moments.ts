/** Dates, times and moments, each in one spelling that sorts as text and that PostgreSQL reads alike everywhere. */

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const DATETIME =
  /^(\d{4}-\d{2}-\d{2})[Tt]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])((?:[01]\d|2[0-3])):([0-5]\d))$/;

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60 * 1000;
const FRACTION_DIGITS = 6;

/** `YYYY-MM-DD`, when the calendar has that day. Years 0001 to 9999. */
export const parseDate = (text: string): string | undefined => {
  const [, year, month, day] = DATE.exec(text) ?? [];
  if (day === undefined || year === '0000') return undefined;
  const date = new Date(`${text}T00:00:00Z`);
  const isReal = date.getUTCDate() === Number(day) && date.getUTCMonth() + 1 === Number(month);
  return isReal ? text : undefined;
};

/** `HH:MM:SS`, from that or `HH:MM`. */
export const parseTime = (text: string): string | undefined => {
  const match = TIME.exec(text);
  return match === null ? undefined : `${match[1]}:${match[2]}:${match[3] ?? '00'}`;
};

/** Of a moment in UTC: `YYYY-MM-DDTHH:MM:SS` when its year has four digits and is not 0000. */
const secondsText = (milliseconds: number): string | undefined => {
  const text = new Date(milliseconds).toISOString();
  return /^\d{4}-/.test(text) && !text.startsWith('0000') ? text.slice(0, 19) : undefined;
};

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` in UTC, from RFC 3339 with any offset. */
export const parseDatetime = (text: string): string | undefined => {
  const [, date, time, fraction = '', sign, hours, minutes] = DATETIME.exec(text) ?? [];
  if (date === undefined || parseDate(date) === undefined) return undefined;
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * MINUTE_MS;
  const local = Date.parse(`${date}T${time}Z`);
  const seconds = secondsText(sign === '-' ? local + offset : local - offset);
  return seconds && `${seconds}.${fraction.padEnd(FRACTION_DIGITS, '0')}Z`;
};

/** The moment that many times 24 hours before `now`, in the spelling of `parseDatetime`. */
export const momentDaysAgo = (now: Date, days: number): string =>
  `${new Date(now.getTime() - days * DAY_MS).toISOString().slice(0, -1)}000Z`;

/** The UTC calendar day of a moment. */
export const dayOf = (moment: string): string => moment.slice(0, 'YYYY-MM-DD'.length);
