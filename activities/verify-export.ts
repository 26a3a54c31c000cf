import { createHash } from 'node:crypto';
import {
  findExport,
  listParts,
  markDamaged,
  markVerified,
  type StoredPart,
} from '../db/exports.ts';
import { partKey } from '../storage/part-key.ts';
import type { WrittenExport } from '../workflows/contract.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';
import { runLanes } from './lanes.ts';
import { isDamage, verifyPart } from './verify-part.ts';

/** Parts read back side by side. */
const LANES = 2;

/** SHA-256 of the whole file, which is its parts one after another. */
const hashWhole = async (deps: ActivityDeps, parts: StoredPart[], signal: AbortSignal) => {
  const hash = createHash('sha256');
  for (const part of parts) {
    signal.throwIfAborted();
    for await (const chunk of await deps.storage.get(partKey(part))) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
};

const verifyAll = async (deps: ActivityDeps, parts: StoredPart[], signal: AbortSignal) => {
  const queue = parts.values();
  const runLane = async (broken: AbortSignal): Promise<void> => {
    for (const part of queue) {
      await verifyPart(deps.storage, part, broken);
      deps.meter.rows('verified', part.rows);
    }
  };
  await runLanes(signal, (broken) => Array.from({ length: LANES }, () => runLane(broken)));
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
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const reading = [hashWhole(deps, parts, signal), verifyAll(deps, parts, signal)] as const;
    const [sha256] = await Promise.all(reading).catch(async (error: unknown) => {
      if (isDamage(error)) await markDamaged(db, exportId);
      throw error;
    });
    await markVerified(db, { exportId, attempt, bytes, sha256 });
    deps.crashPoint('export:verified');
    return { exportId, rows };
  };
