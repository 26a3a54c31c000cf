import { MAX_IN_VALUES } from '../../selection/filter.ts';
import { SYSTEM_FIELDS } from '../../selection/fields.ts';

/** The share of the users that the demo wants to delete. */
const WANTED_SHARE = 0.25;
/** A value outside these shares is too rare or too frequent for a segment. */
const SHARES = { least: 0.05, most: 0.6 };
/** The most characters shown of a value from the user's file. */
const SHOWN_LENGTH = 40;

/** A record of an exported file, by column. */
export type ExportedRecord = Readonly<Record<string, string>>;

export interface DemoSegment {
  filter: { field: string; op: 'is'; value: string } | { field: string; op: 'in'; value: string[] };
  /** A description in words. */
  title: string;
}

const COLUMNS = SYSTEM_FIELDS.filter(({ type, name }) => type === 'text' && name !== 'userId').map(
  ({ name }) => name,
);

/**
 * Chooses a segment that holds some users, but not nearly all: those with the value whose share is
 * nearest to a quarter. If no value fits, the segment lists ids: up to a quarter of the users, and
 * at least one.
 */
export const chooseSegment = (records: readonly ExportedRecord[]): DemoSegment => {
  const candidates = COLUMNS.flatMap((field) =>
    [...countsOf(records, field)].map(([value, count]) => ({
      field,
      value,
      share: count / records.length,
    })),
  ).filter(({ share }) => share >= SHARES.least && share <= SHARES.most);
  const [best] = candidates.toSorted(
    (a, b) => Math.abs(a.share - WANTED_SHARE) - Math.abs(b.share - WANTED_SHARE),
  );
  if (best === undefined) return quarterOf(records);
  const { field, value } = best;
  const shown = value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value;
  return { filter: { field, op: 'is', value }, title: `${field} is ${JSON.stringify(shown)}` };
};

const countsOf = (records: readonly ExportedRecord[], column: string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { [column]: value = '' } of records) {
    if (value !== '') counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
};

const quarterOf = (records: readonly ExportedRecord[]): DemoSegment => {
  const wanted = Math.ceil(records.length * WANTED_SHARE);
  const value = records.slice(0, Math.min(wanted, MAX_IN_VALUES)).map(({ userId = '' }) => userId);
  return {
    filter: { field: 'userId', op: 'in', value },
    title: `userId is one of ${value.length.toLocaleString('en')}`,
  };
};
