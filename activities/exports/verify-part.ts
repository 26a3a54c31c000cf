import { type Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { WrittenPart } from '../../db/exports/exports.ts';
import { isGivenAsText, isUnreadable, unpackersOf } from '../../files/compression.ts';
import { createDigestTap, type Digest, type DigestFacts } from '../../files/digest-tap.ts';
import { createPartGunzip } from '../../files/gzip-member.ts';
import { partKey } from '../../files/part-key.ts';
import { StorageError, type Storage } from '../../storage/storage.ts';
import { failures } from '../failures.ts';

type Figures = { [Name in keyof WrittenPart]?: WrittenPart[Name] };

/** The name of the first figure that is not what was written down of the part. */
const differenceOf = (part: WrittenPart, read: Figures): string | undefined =>
  Object.entries(read).find(([name, value]) => value !== part[name as keyof WrittenPart])?.[0];

/** @throws backupDamaged naming the first figure that is not what was written down of the part */
export const assertSame = (part: WrittenPart, read: Figures): void => {
  const figure = differenceOf(part, read);
  if (figure !== undefined) throw failures.exportDamaged(part, figure);
};

/** A part as it was written, with the checksum of its text if it is joined to a gzip file. */
export interface FreshPart extends WrittenPart {
  crc32: number;
}

const decompressorsOf = ({ compression, part, crc32, raw_bytes: bytes }: FreshPart): Transform[] =>
  compression === 'gzip' ? createPartGunzip(part, { crc32, bytes }) : unpackersOf(compression);

/**
 * Reads a part back whole: length and SHA-256 of the file, and the length of the text in it, must
 * be those of what was written of PostgreSQL's rows. Its rows are then the very rows that `COPY`
 * counted: the same bytes hold no other.
 *
 * @param whole takes the part's share of the file that is given out
 * @throws BackupDamaged naming the part and the first figure that differs
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

/**
 * Hashes a part's file once more, cheaply: what was verified must still be there.
 *
 * @param further take the bytes of the file, too
 */
export const recheckPart = async (
  storage: Storage,
  part: WrittenPart,
  signal: AbortSignal,
  ...further: Digest[]
): Promise<void> => assertSame(part, await hashFile(storage, part, signal, ...further));

/**
 * What of a part's file is not as it was written: `file` when there is none; nothing when it is
 * whole.
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

/** Whether an error says that a stored file is not what was written. */
export const isDamage = (error: unknown): boolean =>
  (error instanceof ApplicationFailure && error.type === 'backupDamaged') ||
  (error instanceof StorageError && error.problem === 'missing');
