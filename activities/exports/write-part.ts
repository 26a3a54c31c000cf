import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type pg from 'pg';
import { copyOut } from '../../db/copy/copy-out.ts';
import type { CopyRowIds } from '../../db/copy/copy-row-ids.ts';
import type { Compression, Format } from '../../db/schema.ts';
import { type CsvGuard, GUARDED_FILE_MARK } from '../../selection/formula-guard.ts';
import { compressorOf } from '../../files/compression.ts';
import { createDigestTap, type DigestFacts } from '../../files/digest-tap.ts';
import { gzipBeginning, gzipTrailer, type TextCheck } from '../../files/gzip-member.ts';
import { createUtf8Check } from '../../files/utf8-check.ts';
import { StorageError, type Storage } from '../../storage/storage.ts';
import { failures } from '../failures.ts';

/**
 * For NDJSON, COPY writes one column. JSON escapes control characters, so the delimiter and the
 * quote never occur in it, and COPY writes it unchanged. COPY's text format would double the
 * backslashes.
 */
const COPY_OPTIONS: Record<Format, string> = {
  csv: 'FORMAT csv',
  ndjson: String.raw`FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02'`,
};

export interface PartFacts {
  /** The number in the `COPY` command tag. */
  rows: number;
  rawBytes: number;
  bytes: number;
  sha256: string;
  /** Checksum of the text of a part in a gzip file; 0 for all other files. */
  crc32: number;
}

interface PartTarget {
  storage: Storage;
  key: string;
  format: Format;
  compression: Compression;
  signal: AbortSignal;
}

/** A query, and how its text is changed before it is stored. */
export interface PartSource {
  query: string;
  /** Removes the row ids, which are then the query's first column. */
  rowIds?: CopyRowIds | undefined;
  /** Keeps spreadsheets from running text as formulas. */
  guard?: CsvGuard | undefined;
}

const quoted = (name: string): string =>
  /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;

const headerText: Record<Format, (columns: readonly string[]) => string> = {
  csv: (columns) => `${columns.map(quoted).join(',')}\n`,
  ndjson: () => '',
};

/**
 * Writes the rows of a query to one durable file. Bytes are piped; no row becomes a JavaScript
 * value. With `rowIds`, the first column of the query is the row id (ctid). The row ids are
 * collected there and are not written to the file.
 *
 * PostgreSQL writes UTF-8 text without a check, but refuses to read text that is not valid UTF-8. A
 * backup with such text could not be restored.
 *
 * @throws usersNotUtf8
 */
export const writePart = async (
  client: pg.ClientBase,
  { query, rowIds, guard }: PartSource,
  target: PartTarget,
): Promise<PartFacts> => {
  const options = `${COPY_OPTIONS[target.format]}, ENCODING 'UTF8'`;
  const statement = `COPY (${query}) TO STDOUT (${options})`;
  const utf8 = createUtf8Check();
  const open = (compress: (chunk: Buffer) => Buffer) => {
    const compressChecked = (chunk: Buffer): Buffer => {
      if (!utf8.take(chunk)) throw failures.usersNotUtf8();
      return compress(guard?.guard(chunk) ?? chunk);
    };
    const ways = { rowIds, startRow: guard?.startRow, compress: compressChecked };
    return client.query(copyOut(statement, ways));
  };
  const { source, facts } = await storePart(open, target);
  if (!utf8.isWhole()) throw failures.usersNotUtf8();
  return { rows: source.rowCount, ...facts };
};

/**
 * Writes the header line, a part of its own because parts have no fixed number. For NDJSON the
 * header is empty. A gzip file begins with this part.
 */
export const writeHeader = async (
  { header, isGuarded }: { header: readonly string[]; isGuarded: boolean },
  target: PartTarget,
): Promise<PartFacts> => {
  const text = Buffer.from(
    (isGuarded ? GUARDED_FILE_MARK : '') + headerText[target.format](header),
  );
  if (target.compression !== 'gzip') {
    const { facts } = await storePart((compress) => Readable.from([compress(text)]), target);
    return { rows: 0, ...facts };
  }
  const stored = await storeBytes(gzipBeginning(text), target);
  return { rows: 0, rawBytes: text.length, crc32: crc32(text), ...stored };
};

/** Writes the end of a gzip file, after its last part. */
export const writeTrailer = async (check: TextCheck, target: PartTarget): Promise<PartFacts> => {
  const stored = await storeBytes(gzipTrailer(check), target);
  return { rows: 0, rawBytes: 0, crc32: 0, ...stored };
};

/**
 * Compresses a text chunk by chunk, and hashes and stores the result. `open` receives the function
 * that compresses a chunk, and returns the stream of compressed chunks.
 */
const storePart = async <Source extends Readable>(
  open: (compress: (chunk: Buffer) => Buffer) => Source,
  { storage, key, compression, signal }: Omit<PartTarget, 'format'>,
): Promise<{ source: Source; facts: Omit<PartFacts, 'rows'> }> => {
  const { compress, streams } = compressorOf(compression);
  const check: TextCheck = { crc32: 0, bytes: 0 };
  const source = open((chunk) => {
    check.bytes += chunk.length;
    if (compression === 'gzip') check.crc32 = crc32(chunk, check.crc32);
    return compress(chunk);
  });
  const stored = createDigestTap();
  const [piped, put] = await Promise.allSettled([
    pipeline([source, ...streams(), stored], { signal }),
    storage.put(key, stored),
  ]);
  // An error on either side ends the other. The storage's own error says more than the one it
  // causes.
  if (put.status === 'rejected' && put.reason instanceof StorageError) throw put.reason;
  if (piped.status === 'rejected') throw piped.reason;
  if (put.status === 'rejected') throw put.reason;
  const facts = { rawBytes: check.bytes, crc32: check.crc32, ...stored.facts() };
  return { source, facts };
};

/** Hashes and stores bytes unchanged. */
const storeBytes = async (bytes: Buffer, target: PartTarget): Promise<DigestFacts> => {
  const open = (compress: (chunk: Buffer) => Buffer) => Readable.from([compress(bytes)]);
  const { facts } = await storePart(open, { ...target, compression: 'none' });
  return { bytes: facts.bytes, sha256: facts.sha256 };
};
