import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { ImportRow } from '../imports/read-chunks.ts';
import { type ImportTarget, mergesTags } from './import-statements.ts';

/** A user as they are staged: what one line says, or several lines one after the other. */
export interface StagedRow extends Pick<ImportRow, 'userId' | 'columns' | 'properties'> {
  lines: ImportRow[];
}

/** What a line says of its user. */
type Said = Pick<ImportRow, 'columns' | 'properties'>;

/** A user of several lines: what each of these says. */
export interface RepeatedUser {
  userId: string;
  said: Said[];
}

/** Of a piece of what is staged, in UTF-16 units. */
const PIECE_LENGTH = 16 * 1024;

const tagsOf = ({ columns }: Pick<Said, 'columns'>): string[] | null =>
  (columns['tags'] ?? null) as string[] | null;

/** With tags that are there once each, behind those of the line before. */
const withTags = (row: ImportRow, before: StagedRow | undefined): ImportRow['columns'] => {
  const tags = [...new Set([...((before && tagsOf(before)) ?? []), ...(tagsOf(row) ?? [])])];
  return { ...row.columns, tags: tags.length === 0 ? null : tags };
};

type Wanted = Pick<ImportTarget, 'mode' | 'mergeTags' | 'columns'>;

/** A user of one line, or the same one after a further line. */
const stagedRow = (row: ImportRow, before: StagedRow | undefined, wanted: Wanted): StagedRow => {
  const lines = before?.lines ?? [];
  lines.push(row);
  const columns = mergesTags(wanted) ? withTags(row, before) : row.columns;
  return { userId: row.userId, columns, properties: row.properties, lines };
};

/** What is staged: the rows of `first`, then those of `later`. Neither names a user twice. */
export interface StagedRounds {
  first: StagedRow[];
  later: StagedRow[];
  /** The users of `later`. */
  repeated: RepeatedUser[];
}

const saidBy = ({ columns, properties }: ImportRow): Said => ({ columns, properties });

/**
 * A row of the first line of each user. Users with more lines have another row of these lines put
 * together: as all lines have the same columns, the last one counts. Where users who are there are
 * left alone, later lines say nothing.
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
  return { first: [...first.values()], later: [...later.values()], repeated };
};

const isSame = (a: unknown, b: unknown): boolean =>
  a === b ||
  (Array.isArray(a) &&
    Array.isArray(b) &&
    a.length === b.length &&
    a.every((item, index) => item === b[index]));

/** Whether a line says the same as the one before it, but for its tags where these are added. */
const saysTheSame = (line: Said, before: Said, areTagsAdded: boolean): boolean =>
  Object.keys(line.columns).every(
    (key) => (areTagsAdded && key === 'tags') || isSame(line.columns[key], before.columns[key]),
  ) &&
  Object.keys(line.properties).every((key) => isSame(line.properties[key], before.properties[key]));

/**
 * How many lines of a user leave the user as the line before them did. `tagsBefore` are those that the
 * user had after the first line, which is not counted.
 */
export const countUnchanged = (
  { said }: RepeatedUser,
  wanted: Wanted,
  tagsBefore: readonly string[],
): number => {
  const areTagsAdded = mergesTags(wanted);
  const tags = new Set(tagsBefore);
  let before: Said | undefined;
  let count = 0;
  for (const line of said) {
    const added = areTagsAdded ? (tagsOf(line) ?? []).filter((tag) => !tags.has(tag)) : [];
    const isUnchanged =
      before !== undefined && added.length === 0 && saysTheSame(line, before, areTagsAdded);
    if (isUnchanged) count += 1;
    for (const tag of added) tags.add(tag);
    before = line;
  }
  return count;
};

/** One row a line, in the order of ids as PostgreSQL has it, and of lines for each. */
export const sortLines = (rows: readonly ImportRow[], wanted: Wanted): StagedRow[] =>
  rows
    .map((row) => ({ key: Buffer.from(row.userId), staged: stagedRow(row, undefined, wanted) }))
    // Stable: lines of the same user stay in their order.
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ staged }) => staged);

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escapeText = (text: string): string =>
  SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? '') : text;

const arrayText = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join()}}`;

/** A value of a column in COPY's text format: a text, a boolean, a list of texts, or unknown. */
const cellOf = (value: unknown): string => {
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return Array.isArray(value) ? escapeText(arrayText(value as string[])) : '\\N';
};

/** Known ones as JSON; each is a text, a number, a boolean or a list of texts. */
const propertiesText = (properties: StagedRow['properties'], names: readonly string[]): string => {
  let text = '';
  for (const name of names) {
    const value = properties[name];
    if (value === null || value === undefined) continue;
    text += `${text === '' ? '' : ','}"${name}":${JSON.stringify(value)}`;
  }
  return escapeText(`{${text}}`);
};

/** Lines for COPY. Put together in pieces: one text of a whole chunk takes twice the time. */
export const copyPieces = (
  rows: readonly StagedRow[],
  { columns, properties }: ImportTarget,
): Buffer[] => {
  const pieces: Buffer[] = [];
  let text = '';
  for (const [n, row] of rows.entries()) {
    text += `${n}\t${row.lines.length}\t${escapeText(row.userId)}\t`;
    for (const column of columns) text += `${cellOf(row.columns[column])}\t`;
    text += `${propertiesText(row.properties, properties)}\n`;
    if (text.length < PIECE_LENGTH) continue;
    pieces.push(Buffer.from(text));
    text = '';
  }
  pieces.push(Buffer.from(text));
  return pieces;
};

/** Loads rows into the staging table, numbered from 0 in their order. */
export const stageRows = async (
  client: PoolClient,
  copy: string,
  pieces: readonly Buffer[],
): Promise<void> => {
  await pipeline(Readable.from(pieces), client.query(copyFrom(copy)));
};
