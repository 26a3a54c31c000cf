import { createHash } from 'node:crypto';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { ApplicationFailure } from '@temporalio/common';
import type { StoredPart } from '../db/exports.ts';
import { createRecordCounter } from '../storage/csv-records.ts';
import { createDigestTap } from '../storage/digest-tap.ts';
import { partKey } from '../storage/part-key.ts';
import { StorageError, type Storage } from '../storage/storage.ts';
import { failures } from './failures.ts';

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
 * Reads a part back whole: length and SHA-256 of the file, then of the text within it, and its count
 * of records must be what PostgreSQL sent.
 *
 * @throws BackupDamaged naming the part and the first figure that differs
 */
export const verifyPart = async (
  storage: Storage,
  part: StoredPart,
  signal: AbortSignal,
): Promise<void> => {
  const stored = createDigestTap();
  const rawHash = createHash('sha256');
  const counter = createRecordCounter();
  let rawBytes = 0;
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      rawHash.update(chunk);
      counter.add(chunk);
      rawBytes += chunk.length;
      done();
    },
  });
  const gunzip = part.compression === 'gzip' ? [createGunzip({ chunkSize: 256 * 1024 })] : [];
  try {
    await pipeline([await storage.get(partKey(part)), stored, ...gunzip, sink], { signal });
  } catch (error) {
    if (isUnreadable(error)) throw failures.exportDamaged(part, 'compressed data');
    throw error;
  }
  assertSame(part, {
    ...stored.facts(),
    raw_sha256: rawHash.digest('hex'),
    raw_bytes: rawBytes,
    // The header part's one record is no row.
    rows: part.part === 0 ? (counter.end() ?? 0) - 1 : counter.end(),
  });
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
