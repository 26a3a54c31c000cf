const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const DATETIME =
  /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?([Zz]|[+-]\d{2}:\d{2})$/;

const isRealDate = (text: string): boolean => {
  const time = Date.parse(`${text}T00:00:00Z`);
  return (
    DATE.test(text) &&
    text >= '0001' &&
    !Number.isNaN(time) &&
    new Date(time).getUTCDate() === Number(text.slice(8))
  );
};

/**
 * The one spelling of a date (`YYYY-MM-DD`), time (`HH:MM:SS`) or datetime (RFC 3339 in UTC with six
 * digits of fraction), so that they compare as text. Undefined when it is none.
 */
export const momentOf = (text: string, kind: 'date' | 'time' | 'datetime'): string | undefined => {
  switch (kind) {
    case 'date':
      return isRealDate(text) ? text : undefined;
    case 'time': {
      const parts = TIME.exec(text);
      return parts ? `${parts[1]}:${parts[2]}:${parts[3] ?? '00'}` : undefined;
    }
    case 'datetime': {
      const parts = DATETIME.exec(text);
      if (parts === null) return undefined;
      const [, date = '', clock = '', fraction = '', offset = ''] = parts;
      const time = Date.parse(`${date}T${clock}${offset.toUpperCase()}`);
      if (!isRealDate(date) || Number.isNaN(time)) return undefined;
      const utc = new Date(time).toISOString();
      // Years outside 0001 to 9999 would not compare as text.
      return utc.length === 24 && utc >= '0001'
        ? `${utc.slice(0, 19)}.${fraction.padEnd(6, '0')}Z`
        : undefined;
    }
  }
};
