import {
  findExport,
  listParts,
  markDamaged,
  markVerified,
  type StoredPart,
} from '../db/exports.ts';
import { createDigest, type DigestFacts } from '../storage/digest-tap.ts';
import type { WrittenExport } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { isDamage, verifyPart } from './verify-part.ts';

/** Reads parts back in their order. @returns length and SHA-256 of the file that is given out */
const verifyAll = async (
  deps: ActivityDeps,
  parts: StoredPart[],
  signal: AbortSignal,
): Promise<DigestFacts> => {
  const whole = createDigest();
  for (const part of parts) {
    await verifyPart(deps.storage, part, signal, whole);
    deps.meter.rows('verified', part.rows);
  }
  return whole.facts();
};

/**
 * Reads an export back whole and compares it with what PostgreSQL sent; only then may anyone delete
 * by it or download it.
 */
export const createVerifyExport =
  (deps: ActivityDeps) =>
  async ({ exportId }: { exportId: string }, signal: AbortSignal): Promise<WrittenExport> => {
    const { db } = deps.database;
    const row = await findExport(db, exportId);
    if (row === undefined || row.attempt === null) throw failures.exportUnknown(exportId);
    const { attempt } = row;
    const rows = row.rows ?? 0;
    if (row.state === 'verified') return { exportId, rows };
    if (row.state !== 'written') throw failures.exportUnknown(exportId);

    const parts = await listParts(db, row);
    const inParts = parts.reduce((sum, part) => sum + part.rows, 0);
    if (inParts !== rows) throw failures.sumsDoNotClose(rows, inParts);
    const { bytes, sha256 } = await verifyAll(deps, parts, signal).catch(async (error: unknown) => {
      if (isDamage(error)) await markDamaged(db, exportId);
      throw error;
    });
    await markVerified(db, { exportId, attempt, bytes, sha256 });
    deps.crashPoint('export:verified');
    return { exportId, rows };
  };
