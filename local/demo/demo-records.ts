import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual, promisify } from 'node:util';
import { Readable } from 'node:stream';
import { gzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import type { ExportedRecord } from './demo-segment.ts';

/**
 * Functions that read files of 100,000 users for the demo. They take seconds, so they work in
 * pieces, and a Ctrl-C is handled in between.
 */

const PIECE_BYTES = 64 * 1024;
const PIECE_RECORDS = 1_000;

/** The records of a file by user id. */
export type Records = Map<string, ExportedRecord>;

/** The name of the id column: the API's in an export, the database's in a backup. */
export type IdColumn = 'userId' | 'user_id';

/** @throws Error when the file has no such column, or is not CSV */
export const recordsIn = async (file: Buffer, idColumn: IdColumn): Promise<Records> => {
  const parser = parse({ columns: true });
  const source = Readable.from(bytePieces(file)).on('error', (error) => parser.destroy(error));
  const records: Records = new Map();
  for await (const row of source.pipe(parser) as AsyncIterable<Record<string, string>>) {
    const id = row[idColumn];
    if (id === undefined) throw new Error(`the file has no column ${idColumn}`);
    records.set(id, row);
  }
  return records;
};

/** The records as a gzip-compressed CSV file with a header. */
export const gzippedCsv = async (records: Records): Promise<Buffer<ArrayBuffer>> => {
  const texts: string[] = [];
  for await (const piece of recordPieces(records)) {
    const rows = piece.map(([, record]) => record);
    texts.push(stringify(rows, { header: texts.length === 0 }));
  }
  return promisify(gzip)(texts.join(''));
};

/** Ids of users whose records differ in columns that are not ignored. */
export const differing = async (
  some: Records,
  others: Records,
  leftOut: readonly string[] = [],
): Promise<string[]> => {
  const isSame = (id: string, record: ExportedRecord): boolean => {
    const other = { ...others.get(id) };
    for (const name of leftOut) other[name] = record[name] ?? '';
    return isDeepStrictEqual(other, record);
  };
  const ids: string[] = [];
  for await (const piece of recordPieces(some)) {
    for (const [id, record] of piece) if (!isSame(id, record)) ids.push(id);
  }
  return ids;
};

const bytePieces = async function* (file: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < file.length; start += PIECE_BYTES) {
    yield file.subarray(start, start + PIECE_BYTES);
    await nextTurn();
  }
};

const recordPieces = async function* (
  records: Records,
): AsyncGenerator<[string, ExportedRecord][]> {
  const all = [...records];
  for (let start = 0; start < all.length; start += PIECE_RECORDS) {
    yield all.slice(start, start + PIECE_RECORDS);
    await nextTurn();
  }
};
