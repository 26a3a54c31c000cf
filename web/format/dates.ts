const DAY = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const SHORT_DAY = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  timeZone: 'UTC',
});

/** A date without a time, as in `28 Dec 2026`. A text that is no date stays as it is. */
export const formatDate = (date: string): string => formatWith(DAY, date);

/** A date without its year, as in `28 Dec`. */
export const formatShortDate = (date: string): string => formatWith(SHORT_DAY, date);

const formatWith = (format: Intl.DateTimeFormat, date: string): string => {
  const time = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(time) ? date : format.format(time);
};
