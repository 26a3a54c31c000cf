import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { ImportRow } from '../../imports/read-chunks.ts';
import { MAX_LIST_ITEMS } from '../../selection/values.ts';
import { type ImportTarget, mergesTags } from './import-changes.ts';

/** A row to stage: the values of one line, or of several lines of the same user combined. */
export interface StagedRow extends Pick<ImportRow, 'userId' | 'mail' | 'columns' | 'properties'> {
  lines: ImportRow[];
}

/** The values that a line gives for its user. */
export type Said = Pick<ImportRow, 'columns' | 'properties'>;

/** A user with several lines, and the values of each line. */
export interface RepeatedUser {
  userId: string;
  said: Said[];
}

/** Length of a piece of the staged text, in UTF-16 units. */
const PIECE_LENGTH = 16 * 1024;

type Wanted = Pick<ImportTarget, 'mode' | 'mergeTags' | 'canKeep' | 'columns'>;

/** The rows to stage: `first`, then `later`. Neither has two rows of the same user. */
export interface StagedRounds {
  first: StagedRow[];
  later: StagedRow[];
  /** The users of `later`. */
  repeated: RepeatedUser[];
}

/** The result of a user's lines after the first one. */
export interface Replayed {
  /** Lines that left the user unchanged. */
  unchanged: number;
  /** A column or custom property for each value that a line cleared. */
  cleared: string[];
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Tags of a line or row. */
export const tagsOf = ({ columns }: Pick<Said, 'columns'>): string[] | null =>
  (columns['tags'] ?? null) as string[] | null;

/**
 * Combines lines into rows. `first` has the first line of each user. For users with more lines,
 * `later` has one row of the remaining lines combined. All lines have the same columns, so the last
 * line counts, or for each column the last line with a value. In mode `insert`, existing users are
 * not changed, so later lines have no effect.
 */
export const joinLines = (rows: readonly ImportRow[], wanted: Wanted): StagedRounds => {
  const first = new Map<string, StagedRow>();
  const later = new Map<string, StagedRow>();
  for (const row of rows) {
    const { userId } = row;
    const before = first.get(userId);
    if (before === undefined) first.set(userId, stagedRow(row, undefined, wanted));
    else if (wanted.mode === 'insert') before.lines.push(row);
    else later.set(userId, stagedRow(row, later.get(userId), wanted));
  }
  const repeated = [...later.values()].map(({ userId, lines }) => ({
    userId,
    said: [...(first.get(userId)?.lines ?? []), ...lines].map(saidBy),
  }));
  return {
    first: withJoinedTags([...first.values()], wanted),
    later: withJoinedTags([...later.values()], wanted),
    repeated,
  };
};

/**
 * Whether a row alone has more tags than a user may have. A user who has more already may keep
 * them.
 */
export const mayBeOverfull = (row: StagedRow, wanted: Wanted): boolean =>
  mergesTags(wanted) && (tagsOf(row)?.length ?? 0) > MAX_LIST_ITEMS;

/**
 * The results of a user's lines after the first one, line by line, as if each had come in its own
 * chunk. `after` holds the user's values after the first line, where that line does not give them.
 */
export const replayLines = (
  { said: [first, ...others] }: RepeatedUser,
  wanted: Wanted,
  after: Said,
): Replayed => {
  const columns = { ...first?.columns, ...after.columns };
  const properties = { ...first?.properties, ...after.properties };
  const replayed: Replayed = { unchanged: 0, cleared: [] };
  const areTagsAdded = mergesTags(wanted);
  const allTags = new Set(tagsOf({ columns }));
  for (const line of others) {
    const { tags, ...rest } = line.columns;
    const said = areTagsAdded ? rest : line.columns;
    const changes = [
      areTagsAdded && replayTags(allTags, (tags ?? []) as string[]),
      replayValues(columns, said, (key) => replayed.cleared.push(key)),
      replayValues(properties, line.properties, (key) =>
        replayed.cleared.push(`properties.${key}`),
      ),
    ];
    if (!changes.includes(true)) replayed.unchanged += 1;
  }
  return replayed;
};

/** One row for each line, sorted by user id in PostgreSQL's order (by bytes). */
export const sortLines = (rows: readonly ImportRow[], wanted: Wanted): StagedRow[] => {
  const sorted = rows
    .map((row) => ({ key: Buffer.from(row.userId), staged: stagedRow(row, undefined, wanted) }))
    // The sort is stable: lines of the same user keep their order.
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ staged }) => staged);
  return withJoinedTags(sorted, wanted);
};

/**
 * Rows as text for COPY. The text is built in pieces: one string of a whole chunk takes twice the
 * time.
 */
export const copyPieces = (rows: readonly StagedRow[], target: ImportTarget): Buffer[] => {
  const { columns, properties, matchBy, canKeep } = target;
  const pieces: Buffer[] = [];
  let text = '';
  for (const [n, row] of rows.entries()) {
    text += `${n}\t${row.lines.length}\t${escapeText(row.userId)}\t`;
    if (matchBy === 'email') text += `${escapeText(row.mail ?? '')}\t`;
    if (canKeep) text += `${keptText(row, target)}\t`;
    for (const column of columns) text += `${cellOf(row.columns[column])}\t`;
    text += `${propertiesText(row.properties, properties)}\n`;
    if (text.length < PIECE_LENGTH) continue;
    pieces.push(Buffer.from(text));
    text = '';
  }
  pieces.push(Buffer.from(text));
  return pieces;
};

/** Loads rows into the staging table, numbered from 0 in order. */
export const stageRows = async (
  client: PoolClient,
  copy: string,
  pieces: readonly Buffer[],
): Promise<void> => {
  await pipeline(Readable.from(pieces), client.query(copyFrom(copy)));
};

/** A row for one line, or the row so far with a further line. */
const stagedRow = (row: ImportRow, before: StagedRow | undefined, wanted: Wanted): StagedRow => {
  const lines = before?.lines ?? [];
  lines.push(row);
  const { userId, mail } = row;
  const isOver = wanted.canKeep && before !== undefined;
  const columns = isOver ? saidOver(before.columns, row.columns) : row.columns;
  const properties = isOver ? saidOver(before.properties, row.properties) : row.properties;
  return { userId, ...(mail !== undefined && { mail }), columns, properties, lines };
};

/**
 * The values of a later line over those of earlier lines. An undefined value leaves the earlier
 * one.
 */
const saidOver = (
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Record<string, unknown> => {
  const said = { ...before };
  for (const [key, value] of Object.entries(after)) if (value !== undefined) said[key] = value;
  return said;
};

const saidBy = ({ columns, properties }: ImportRow): Said => ({ columns, properties });

const withJoinedTags = (rows: StagedRow[], wanted: Wanted): StagedRow[] =>
  mergesTags(wanted) ? rows.map(withTags) : rows;

/** A row with the tags of all its lines, without repetitions, in order. */
const withTags = (row: StagedRow): StagedRow => {
  const tags = [...new Set(row.lines.flatMap((line) => tagsOf(line) ?? []))];
  return { ...row, columns: { ...row.columns, tags: tags.length === 0 ? null : tags } };
};

/** Adds a line's tags to the current tags. True if any tag is new. */
const replayTags = (now: Set<string>, tags: readonly string[]): boolean => {
  const before = now.size;
  for (const tag of tags) now.add(tag);
  return now.size > before;
};

const replayValues = (
  now: Record<string, unknown>,
  said: Readonly<Record<string, unknown>>,
  cleared: (key: string) => void,
): boolean => {
  let isChanged = false;
  for (const [key, value] of Object.entries(said)) {
    if (value === undefined || isSame(now[key] ?? null, value)) continue;
    isChanged = true;
    if (value === null) cleared(key);
    now[key] = value;
  }
  return isChanged;
};

const isSame = (a: unknown, b: unknown): boolean =>
  a === b ||
  (Array.isArray(a) &&
    Array.isArray(b) &&
    a.length === b.length &&
    a.every((item, index) => item === b[index]));

const escapeText = (text: string): string =>
  SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? '') : text;

/** The columns and properties that a row leaves unchanged, by the names that the statements use. */
const keptText = ({ columns, properties }: StagedRow, target: ImportTarget): string => {
  const kept = [
    ...target.columns.filter((name) => columns[name] === undefined),
    ...target.properties
      .filter((name) => properties[name] === undefined)
      .map((name) => `properties.${name}`),
  ];
  return kept.length === 0 ? '\\N' : escapeText(arrayText(kept));
};

const arrayText = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join()}}`;

/** A value in COPY's text format: a text, a boolean, a list of texts, or unknown. */
const cellOf = (value: unknown): string => {
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return Array.isArray(value) ? escapeText(arrayText(value as string[])) : '\\N';
};

/** Known properties as JSON. Each value is a text, a number, a boolean or a list of texts. */
const propertiesText = (properties: StagedRow['properties'], names: readonly string[]): string => {
  let text = '';
  for (const name of names) {
    const value = properties[name];
    if (value === null || value === undefined) continue;
    text += `${text === '' ? '' : ','}"${name}":${JSON.stringify(value)}`;
  }
  return escapeText(`{${text}}`);
};
