import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { ApplicationFailure } from '@temporalio/common';
import type { StoredPart } from '../db/exports.ts';
import { createDigestTap } from '../storage/digest-tap.ts';
import { partKey } from '../storage/part-key.ts';
import { StorageError, type Storage } from '../storage/storage.ts';
import { failures } from './failures.ts';

/** Larger chunks take fewer turns between the threads that unpack and this one. */
export const GUNZIP_CHUNK_BYTES = 256 * 1024;

/** @throws backupDamaged naming the first figure that is not what was written down of the part */
export const assertSame = (
  part: StoredPart,
  read: Record<string, number | string | null>,
): void => {
  const different = Object.entries(read).find(
    ([name, value]) => value !== part[name as keyof StoredPart],
  );
  if (different !== undefined) throw failures.exportDamaged(part, different[0]);
};

/** Whether an error says that compressed data does not hold together. */
export const isUnreadable = (error: unknown): boolean =>
  /^(Z_|ERR_STREAM_PREMATURE)/.test((error as NodeJS.ErrnoException).code ?? '');

/**
 * Reads a part back whole: length and SHA-256 of the file, then of the text within it, must be those of
 * what PostgreSQL sent. Its rows are then the very rows that `COPY` counted: the same bytes hold no other.
 *
 * @throws BackupDamaged naming the part and the first figure that differs
 */
export const verifyPart = async (
  storage: Storage,
  part: StoredPart,
  signal: AbortSignal,
): Promise<void> => {
  const stored = createDigestTap();
  const raw = createDigestTap();
  const gunzip =
    part.compression === 'gzip' ? [createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES })] : [];
  try {
    await pipeline([await storage.get(partKey(part)), stored, ...gunzip, raw.resume()], { signal });
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
  part: StoredPart,
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
