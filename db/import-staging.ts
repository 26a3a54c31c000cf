import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { ImportRow } from '../imports/read-chunks.ts';
import type { ImportTarget } from './import-statements.ts';

/** A user as they are staged: what one line says, or several lines one after the other. */
export interface StagedRow extends Pick<ImportRow, 'userId' | 'columns' | 'properties'> {
  /** How many it is made of. */
  lines: ImportRow[];
}

/** Of a piece of what is staged, in UTF-16 units. */
const PIECE_LENGTH = 16 * 1024;

const tagsOf = ({ columns }: Pick<ImportRow, 'columns'>): string[] | null =>
  (columns['tags'] ?? null) as string[] | null;

/** With tags that are there once each, behind those of the line before. */
const withTags = (row: ImportRow, before: StagedRow | undefined): ImportRow['columns'] => {
  const tags = [...new Set([...((before && tagsOf(before)) ?? []), ...(tagsOf(row) ?? [])])];
  return { ...row.columns, tags: tags.length === 0 ? null : tags };
};

type Wanted = Pick<ImportTarget, 'mode' | 'mergeTags' | 'columns'>;

/**
 * One row a user, with all their lines put together in their order: as all lines have the same columns,
 * the last one counts, and where users who are there are left alone the first one.
 */
export const joinLines = (rows: readonly ImportRow[], wanted: Wanted): StagedRow[] => {
  const mergesTags = wanted.mergeTags && wanted.columns.includes('tags');
  const staged = new Map<string, StagedRow>();
  for (const row of rows) {
    const before = staged.get(row.userId);
    if (before !== undefined && wanted.mode === 'insert') {
      before.lines.push(row);
      continue;
    }
    const lines = before?.lines ?? [];
    lines.push(row);
    const columns = mergesTags ? withTags(row, before) : row.columns;
    staged.set(row.userId, { userId: row.userId, columns, properties: row.properties, lines });
  }
  return [...staged.values()];
};

/** One row a line, in the order of ids as PostgreSQL has it, and of lines for each. */
export const sortLines = (rows: readonly ImportRow[], wanted: Wanted): StagedRow[] =>
  rows
    .map((row) => ({ key: Buffer.from(row.userId), staged: joinLines([row], wanted) }))
    // Stable: lines of the same user stay in their order.
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .flatMap(({ staged }) => staged);

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
