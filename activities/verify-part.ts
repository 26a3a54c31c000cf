import { addAbortSignal } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { WrittenPart } from '../db/exports.ts';
import { chain } from '../storage/chain.ts';
import {
  isGivenAsText,
  isUnreadable,
  UNPACKED_AHEAD,
  unpackersOf,
} from '../storage/compression.ts';
import { createDigest, createDigestTap, type Digest } from '../storage/digest-tap.ts';
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
 * Reads a part back whole: length and SHA-256 of the file, then of the text within it, must be those of
 * what PostgreSQL sent. Its rows are then the very rows that `COPY` counted: the same bytes hold no other.
 *
 * @param whole takes the part's share of the file that is given out
 * @throws BackupDamaged naming the part and the first figure that differs
 */
export const verifyPart = async (
  storage: Storage,
  part: WrittenPart,
  signal: AbortSignal,
  whole?: Digest,
): Promise<void> => {
  const isText = isGivenAsText(part.compression);
  const stored = createDigestTap(...(whole === undefined || isText ? [] : [whole]));
  const raw = createDigest();
  const file = await storage.get(partKey(part));
  const text = chain(file, stored, ...unpackersOf(part.compression, UNPACKED_AHEAD));
  try {
    // A reader that pulls, unlike a stream that is pushed to, lets the next chunk be unpacked meanwhile.
    for await (const chunk of addAbortSignal(signal, text) as AsyncIterable<Buffer>) {
      raw.update(chunk);
      if (isText) whole?.update(chunk);
    }
  } catch (error) {
    if (isUnreadable(error)) throw failures.exportDamaged(part, 'compressed data');
    throw error;
  }
  const { bytes, sha256 } = raw.facts();
  assertSame(part, { ...stored.facts(), raw_bytes: bytes, raw_sha256: sha256 });
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
