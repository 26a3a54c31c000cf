import { type Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { WrittenPart } from '../../db/exports/exports.ts';
import { isGivenAsText, isUnreadable, decompressionStreams } from '../../files/compression.ts';
import { createDigestTap, type Digest, type DigestFacts } from '../../files/digest-tap.ts';
import { createPartGunzip } from '../../files/gzip-member.ts';
import { partKey } from '../../files/part-key.ts';
import { StorageError, type Storage } from '../../storage/storage.ts';
import { failures } from '../failures.ts';

type Figures = { [Name in keyof WrittenPart]?: WrittenPart[Name] };

/**
 * A part as it was written. The checksum is that of its text, and is 0 unless the part belongs to a
 * gzip file.
 */
export interface FreshPart extends WrittenPart {
  crc32: number;
}

/** @throws backupDamaged naming the first figure that differs from the part's row */
export const assertSame = (part: WrittenPart, read: Figures): void => {
  const figure = differenceOf(part, read);
  if (figure !== undefined) throw failures.exportDamaged(part, figure);
};

/**
 * Reads a part back whole. The file's length and SHA-256, and the length of its text, must be the
 * same as when PostgreSQL's rows were written. So the file holds exactly the rows that `COPY`
 * counted.
 *
 * @param whole takes the part's share of the file that users download
 * @throws backupDamaged naming the part and the first figure that differs
 */
export const verifyPart = async (
  storage: Storage,
  part: FreshPart,
  signal: AbortSignal,
  whole: Digest,
): Promise<void> => {
  const isText = isGivenAsText(part.compression);
  const stored = createDigestTap(...(isText ? [] : [whole]));
  const file = await storage.get(partKey(part));
  let textBytes = 0;
  const text = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      textBytes += chunk.length;
      if (isText) whole.update(chunk);
      done();
    },
  });
  try {
    await pipeline([file, stored, ...decompressorsOf(part), text], { signal });
  } catch (error) {
    if (isUnreadable(error)) throw failures.exportDamaged(part, 'compressed data');
    throw error;
  }
  assertSame(part, { ...stored.facts(), raw_bytes: textBytes });
};

/**
 * Hashes a part's file once more without decompressing it.
 *
 * @param further take the bytes of the file, too
 * @throws backupDamaged naming the first figure that differs
 */
export const recheckPart = async (
  storage: Storage,
  part: WrittenPart,
  signal: AbortSignal,
  ...further: Digest[]
): Promise<void> => assertSame(part, await hashFile(storage, part, signal, ...further));

/**
 * The first figure of a part's file that differs from its row; `file` if there is none. Undefined
 * if the file is intact.
 */
export const findDamage = async (
  storage: Storage,
  part: WrittenPart,
  signal: AbortSignal,
): Promise<string | undefined> => {
  try {
    return differenceOf(part, await hashFile(storage, part, signal));
  } catch (error) {
    if (error instanceof StorageError && error.problem === 'missing') return 'file';
    throw error;
  }
};

/** Whether an error says that a stored file is missing or damaged. */
export const isDamage = (error: unknown): boolean =>
  (error instanceof ApplicationFailure && error.type === 'backupDamaged') ||
  (error instanceof StorageError && error.problem === 'missing');

/** The name of the first figure that differs from the part's row. */
const differenceOf = (part: WrittenPart, read: Figures): string | undefined =>
  Object.entries(read).find(([name, value]) => value !== part[name as keyof WrittenPart])?.[0];

const decompressorsOf = ({ compression, part, crc32, raw_bytes: bytes }: FreshPart): Transform[] =>
  compression === 'gzip'
    ? createPartGunzip(part, { crc32, bytes })
    : decompressionStreams(compression);

const hashFile = async (
  storage: Storage,
  part: WrittenPart,
  signal: AbortSignal,
  ...further: Digest[]
): Promise<DigestFacts> => {
  const stored = createDigestTap(...further);
  await pipeline([await storage.get(partKey(part)), stored.resume()], { signal });
  return stored.facts();
};
