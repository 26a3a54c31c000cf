import { parse } from 'csv-parse';
import { chain } from './chain.ts';
import { unpackersOf } from './compression.ts';
import { type PartFile, partKey } from './part-key.ts';
import type { Storage } from './storage.ts';

const records = async function* (storage: Storage, part: PartFile): AsyncGenerator<string[]> {
  const file = await storage.get(partKey(part));
  yield* chain(file, ...unpackersOf(part.compression), parse()) as AsyncIterable<string[]>;
};

/** The names of a backup's columns, in the order of its file. */
export const readHeader = async (storage: Storage, part: PartFile): Promise<string[]> => {
  const { value } = await records(storage, { ...part, part: 0 }).next();
  return (value as string[] | undefined) ?? [];
};

/** Ids of a backup part's users, in the order of the file; the header part says which column holds them. */
export const readUserIds = async (storage: Storage, part: PartFile): Promise<string[]> => {
  const column = (await readHeader(storage, part)).indexOf('userId');
  if (column < 0) throw new Error(`export ${part.exportId} has no column userId`);
  const ids: string[] = [];
  for await (const record of records(storage, part)) ids.push(record[column] ?? '');
  return ids;
};
