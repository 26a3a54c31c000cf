const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const HOUR_AND_MINUTE = String.raw`(?:[01]\d|2[0-3]):[0-5]\d`;
/** RFC 3339. Hours reach 23: there is no 24:00, which `Date` would move to the next day. */
const DATETIME = new RegExp(
  String.raw`^(\d{4}-\d{2}-\d{2})[Tt](${HOUR_AND_MINUTE}:[0-5]\d)(?:\.(\d{1,6}))?` +
    `([Zz]|[+-]${HOUR_AND_MINUTE})$`,
);
/** A datetime in its stored form, except that its day may not exist. */
const STORED_DATETIME = /^\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;

/** The rule of a datetime, as an error states it to callers of the API. */
export const DATETIME_RULE =
  'must be an RFC 3339 date and time, with at most six digits after the second';

const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * The canonical form of a date (`YYYY-MM-DD`), time (`HH:MM:SS`) or datetime (RFC 3339 in UTC with
 * six digits of fraction). These forms compare as text. Undefined if the text is not valid.
 */
export const dateTimeOf = (
  text: string,
  kind: 'date' | 'time' | 'datetime',
): string | undefined => {
  switch (kind) {
    case 'date':
      return isRealDate(text) ? text : undefined;
    case 'time': {
      const parts = TIME.exec(text);
      return parts ? `${parts[1]}:${parts[2]}:${parts[3] ?? '00'}` : undefined;
    }
    case 'datetime': {
      if (STORED_DATETIME.test(text) && isRealDate(text.slice(0, 10))) return text;
      const parts = DATETIME.exec(text);
      if (parts === null) return undefined;
      const [, date = '', clock = '', fraction = '', offset = ''] = parts;
      if (!isRealDate(date)) return undefined;
      const digits = fraction.padEnd(6, '0');
      if (/^z$/i.test(offset)) return `${date}T${clock}.${digits}Z`;
      const time = Date.parse(`${date}T${clock}${offset.toUpperCase()}`);
      if (Number.isNaN(time)) return undefined;
      const utc = new Date(time).toISOString();
      // Years outside 0001 to 9999 would not compare as text.
      return utc.length === 24 && utc >= '0001' ? `${utc.slice(0, 19)}.${digits}Z` : undefined;
    }
  }
};

/** Computed here: an import calls it for every date, and `Date` takes three times as long. */
const isRealDate = (text: string): boolean => {
  if (!DATE.test(text)) return false;
  const year = Number(text.slice(0, 4));
  const month = Number(text.slice(5, 7));
  const day = Number(text.slice(8));
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && !isLeap ? 28 : (DAYS_IN_MONTH[month - 1] ?? 0);
  return year > 0 && day > 0 && day <= days;
};
