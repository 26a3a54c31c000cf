import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { copyOut } from '../db/copy-out.ts';
import type { CopyPlaces } from '../db/copy-places.ts';
import type { Compression, Format } from '../db/schema.ts';
import { packingOf } from '../storage/compression.ts';
import { createDigestTap } from '../storage/digest-tap.ts';
import { StorageError, type Storage } from '../storage/storage.ts';

/**
 * A line of JSON is COPY's one column. JSON escapes every control character, so neither delimiter nor
 * quote ever stands in it, and it comes out as it is; in text mode COPY would double its backslashes.
 */
const COPY_OPTIONS: Record<Format, string> = {
  csv: 'FORMAT csv',
  ndjson: String.raw`FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02'`,
};

export interface PartFacts {
  /** As the `COPY` tag says. */
  rows: number;
  rawBytes: number;
  bytes: number;
  sha256: string;
}

interface PartTarget {
  storage: Storage;
  key: string;
  format: Format;
  compression: Compression;
  signal: AbortSignal;
}

/** Packs a text chunk by chunk, hashes and stores that; `open` gives what `pack` has made of its chunks. */
const storePart = async <Source extends Readable>(
  open: (pack: (chunk: Buffer) => Buffer) => Source,
  { storage, key, compression, signal }: Omit<PartTarget, 'format'>,
): Promise<{ source: Source; facts: Omit<PartFacts, 'rows'> }> => {
  const { pack, streams } = packingOf(compression);
  let rawBytes = 0;
  const source = open((chunk) => {
    rawBytes += chunk.length;
    return pack(chunk);
  });
  const stored = createDigestTap();
  const [piped, put] = await Promise.allSettled([
    pipeline([source, ...streams(), stored], { signal }),
    storage.put(key, stored),
  ]);
  // Either side's error breaks off the other; the storage's own says more than the echo of it.
  if (put.status === 'rejected' && put.reason instanceof StorageError) throw put.reason;
  if (piped.status === 'rejected') throw piped.reason;
  if (put.status === 'rejected') throw put.reason;
  return { source, facts: { rawBytes, ...stored.facts() } };
};

/**
 * Writes what PostgreSQL renders of a query to one durable file. Bytes are piped; no row becomes a
 * JavaScript value. With `places`, which then hold those of the very rows in the file, the query's first
 * column is the `ctid`, and does not go into it.
 */
export const writePart = async (
  client: pg.ClientBase,
  { query, places }: { query: string; places?: CopyPlaces | undefined },
  target: PartTarget,
): Promise<PartFacts> => {
  const options = `${COPY_OPTIONS[target.format]}, ENCODING 'UTF8'`;
  const statement = `COPY (${query}) TO STDOUT (${options})`;
  const open = (pack: (chunk: Buffer) => Buffer) =>
    client.query(copyOut(statement, { places, pack }));
  const { source, facts } = await storePart(open, target);
  return { rows: source.rowCount, ...facts };
};

const quoted = (name: string): string =>
  /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;

const headerText: Record<Format, (columns: readonly string[]) => string> = {
  csv: (columns) => `${columns.map(quoted).join(',')}\n`,
  ndjson: () => '',
};

/** The header line, a part of its own: parts follow each other in any number. Of NDJSON, nothing. */
export const writeHeader = async (
  columns: readonly string[],
  target: PartTarget,
): Promise<PartFacts> => {
  const text = headerText[target.format](columns);
  const { facts } = await storePart((pack) => Readable.from([pack(Buffer.from(text))]), target);
  return { rows: 0, ...facts };
};
