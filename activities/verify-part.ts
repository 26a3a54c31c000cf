import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { WrittenPart } from '../db/exports.ts';
import { isGivenAsText, isUnreadable, unpackersOf } from '../storage/compression.ts';
import { createDigestTap, type Digest } from '../storage/digest-tap.ts';
import { partKey } from '../storage/part-key.ts';
import { StorageError, type Storage } from '../storage/storage.ts';
import { failures } from './failures.ts';

/** @throws backupDamaged naming the first figure that is not what was written down of the part */
export const assertSame = (
  part: WrittenPart,
  read: { [Name in keyof WrittenPart]?: WrittenPart[Name] },
): void => {
  const different = Object.entries(read).find(
    ([name, value]) => value !== part[name as keyof WrittenPart],
  );
  if (different !== undefined) throw failures.exportDamaged(part, different[0]);
};

/**
 * Reads a part back whole: length and SHA-256 of the file, and the length of the text in it, must be those of
 * what was written of PostgreSQL's rows. Its rows are then the very rows that `COPY` counted: the same
 * bytes hold no other.
 *
 * @param whole takes the part's share of the file that is given out
 * @throws BackupDamaged naming the part and the first figure that differs
 */
export const verifyPart = async (
  storage: Storage,
  part: WrittenPart,
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
    await pipeline([file, stored, ...unpackersOf(part.compression), text], { signal });
  } catch (error) {
    if (isUnreadable(error)) throw failures.exportDamaged(part, 'compressed data');
    throw error;
  }
  assertSame(part, { ...stored.facts(), raw_bytes: textBytes });
};

/** Hashes a part's file once more, cheaply: what was verified must still be there. */
export const recheckPart = async (
  storage: Storage,
  part: WrittenPart,
  signal: AbortSignal,
): Promise<void> => {
  const stored = createDigestTap();
  await pipeline([await storage.get(partKey(part)), stored.resume()], { signal });
  assertSame(part, stored.facts());
};

/** Whether an error says that a stored file is not what was written. */
export const isDamage = (error: unknown): boolean =>
  (error instanceof ApplicationFailure && error.type === 'backupDamaged') ||
  (error instanceof StorageError && error.problem === 'missing');
