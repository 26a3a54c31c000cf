import { Readable, Transform } from 'node:stream';
import type { Db } from '../db/client.ts';
import { listParts } from '../db/exports/exports.ts';
import type { Compression, Format } from '../db/schema.ts';
import { chain } from './join-streams.ts';
import { isGivenAsText, decompressionStreams } from './compression.ts';
import { partKey, type PartFile } from './part-key.ts';
import type { ByteRange, Storage } from '../storage/storage.ts';

export interface ExportFile {
  id: string;
  attempt: number;
  format: Format;
  compression: Compression;
  /** Size of the whole file as it is sent. */
  bytes: number;
}

/** The bytes of one part that belong to a requested range. */
interface Slice extends ByteRange {
  part: number;
}

/** Parts of a file, with their sizes as they are sent. */
type GivenParts = { part: number; bytes: number }[];

/**
 * The bytes of an export, or of a range of it, as one stream. Parts are opened one after another,
 * each when the reader has read the previous one. The open part is closed when the stream is
 * destroyed.
 *
 * The first part is open when this function resolves, so that an unreadable file is detected before
 * a response header is sent. A part that is too short ends the stream with an error.
 *
 * @throws StorageError when the first part cannot be opened; Error when parts are missing
 */
export const openExport = async (
  deps: { db: Db; storage: Storage },
  file: ExportFile,
  range: ByteRange = { start: 0, end: file.bytes - 1 },
): Promise<Readable> => {
  const parts = await listGivenParts(deps.db, file);
  assertWhole(file, parts);
  const slices = slicesOf(parts, range);
  const open = ({ part, start, end }: Slice): Promise<Readable> =>
    openPart(deps.storage, { ...file, exportId: file.id, part }, { start, end });

  const [first] = slices;
  let current = first === undefined ? undefined : await open(first);
  const read = async function* (): AsyncGenerator<Buffer> {
    for (const [index, slice] of slices.entries()) {
      const content = index === 0 && current !== undefined ? current : await open(slice);
      current = content;
      if (stream.destroyed) content.destroy();
      let left = slice.end - slice.start + 1;
      for await (const chunk of content as AsyncIterable<Buffer>) {
        left -= chunk.length;
        yield chunk;
        // The rest of a compressed part after the range is not decompressed.
        if (left === 0) break;
      }
      if (left !== 0) throw new Error(`part ${slice.part} of export ${file.id} is short`);
    }
  };
  const chunks = read();
  // Not `Readable.from`: when destroyed, it waits for the pending chunk, which may never arrive.
  const stream = new Readable({
    read: () => {
      chunks.next().then(
        ({ done, value }) => stream.push(done === true ? null : value),
        (error: unknown) => stream.destroy(error as Error),
      );
    },
    destroy: (error, done) => {
      current?.destroy();
      done(error);
    },
  });
  return stream;
};

const listGivenParts = async (db: Db, file: ExportFile): Promise<GivenParts> => {
  const parts = await listParts(db, file);
  return parts.map(({ part, bytes, raw_bytes }) => ({
    part,
    bytes: isGivenAsText(file.compression) ? raw_bytes : bytes,
  }));
};

const assertWhole = (file: ExportFile, parts: GivenParts): void => {
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const isWhole = bytes === file.bytes && parts.every(({ part }, index) => part === index);
  if (isWhole) return;
  throw new Error(
    `export ${file.id} is incomplete: its ${parts.length} parts hold ${bytes} of ${file.bytes} bytes`,
  );
};

/** The parts that a range of the file covers, in order, with the range in each part. */
const slicesOf = (parts: GivenParts, range: ByteRange): Slice[] => {
  const slices: Slice[] = [];
  let offset = 0;
  for (const { part, bytes } of parts) {
    const start = Math.max(range.start - offset, 0);
    const end = Math.min(range.end - offset, bytes - 1);
    if (start <= end) slices.push({ part, start, end });
    offset += bytes;
  }
  return slices;
};

/** Opens a range of a part. A part that is sent as its text is decompressed from its beginning. */
const openPart = async (storage: Storage, part: PartFile, range: ByteRange): Promise<Readable> => {
  if (!isGivenAsText(part.compression)) return storage.get(partKey(part), range);
  const file = await storage.get(partKey(part));
  return chain(file, ...decompressionStreams(part.compression), createCutter(range));
};

/** Passes on only the bytes of a range. */
const createCutter = ({ start, end }: ByteRange): Transform => {
  let offset = 0;
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      const wanted = chunk.subarray(Math.max(start - offset, 0), Math.max(end + 1 - offset, 0));
      offset += chunk.length;
      done(null, wanted.length > 0 ? wanted : undefined);
    },
  });
};
