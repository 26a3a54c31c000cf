import { Transform } from 'node:stream';
import { parse } from 'csv-parse';
import { chain } from './join-streams.ts';
import { decompressionStreams } from './compression.ts';
import { type PartFile, partKey } from './part-key.ts';
import type { Storage } from '../storage/storage.ts';

/** A record of a backup part: its values, and its text in the file. */
interface RawRecord {
  record: string[];
  raw: string;
}

/**
 * The parser processes a whole chunk at once. Small chunks let a reader of the first records stop
 * early.
 */
const PARSED_BYTES = 16 * 1024;

/** The names in a backup's header part, in order. */
export const readHeaderNames = async (storage: Storage, part: PartFile): Promise<string[]> => {
  const { value } = await records(storage, { ...part, part: 0 }).next();
  return (value as RawRecord | undefined)?.record ?? [];
};

/** Values of one column of a part, in the order of its file. */
export const readColumn = async (
  storage: Storage,
  part: PartFile,
  column: number,
): Promise<string[]> => {
  const values: string[] = [];
  for await (const { record } of records(storage, part)) values.push(record[column] ?? '');
  return values;
};

/**
 * The text of some records of a part, by their index from 1. Does not read beyond the last of these
 * records.
 */
export const readRawRecords = async (
  storage: Storage,
  part: PartFile,
  indexes: readonly number[],
): Promise<string> => {
  const wanted = new Set(indexes);
  let index = 0;
  let text = '';
  for await (const { raw } of records(storage, part)) {
    index += 1;
    if (wanted.delete(index)) text += raw;
    if (wanted.size === 0) break;
  }
  return text;
};

/** Records of a part in the order of its file, as `COPY` wrote them. */
const records = async function* (storage: Storage, part: PartFile): AsyncGenerator<RawRecord> {
  const file = await storage.get(partKey(part));
  const parser = parse({ raw: true, record_delimiter: '\n' });
  const streams = [...decompressionStreams(part.compression), createSlicer(), parser];
  yield* chain(file, ...streams) as AsyncIterable<RawRecord>;
};

const createSlicer = (): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += PARSED_BYTES) {
        this.push(chunk.subarray(at, at + PARSED_BYTES));
      }
      done();
    },
  });
