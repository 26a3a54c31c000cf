import type pg from 'pg';
import { createCopyRowIds } from '../../db/copy/copy-row-ids.ts';
import { setCopyValues } from '../../db/copy/copy-values.ts';
import { recordPart, type WrittenPart } from '../../db/exports/exports.ts';
import { joinSnapshot, type HeldSnapshot } from '../../db/exports/held-snapshot.ts';
import type { Compression, Format } from '../../db/schema.ts';
import { createCsvGuard } from '../../selection/formula-guard.ts';
import { createDigest, type Digest, type DigestFacts } from '../../files/digest-tap.ts';
import { joinChecks, type TextCheck } from '../../files/gzip-member.ts';
import { partKey } from '../../files/part-key.ts';
import { StorageError } from '../../storage/storage.ts';
import type { ActivityDeps } from '../deps.ts';
import type { ExportPlan } from './export-plan.ts';
import { createOrderedBuffer, type OrderedBuffer } from './ordered-buffer.ts';
import { LANES, runLanes } from '../lanes.ts';
import { type FreshPart, recheckPart, verifyPart } from './verify-part.ts';
import { writeHeader, writePart, writeTrailer, type PartFacts } from './write-part.ts';

/**
 * Written parts that may wait to be read back before the lanes wait. With a small limit little is
 * left to read back at the end.
 */
const MAX_UNREAD = 1;

interface Attempt {
  held: HeldSnapshot;
  plan: ExportPlan;
  target: { exportId: string; attempt: number; format: Format; compression: Compression };
  purpose: 'backup' | 'download';
  /** Parts whose files are durable, for the reader. */
  written: OrderedBuffer<FreshPart>;
  signal: AbortSignal;
}

/** The sums over the parts that were read back. */
interface Whole {
  digest: Digest;
  /** Of the uncompressed text of a gzip file. */
  check: TextCheck;
}

/** Parts that were written and read back. */
export interface WrittenParts {
  /** The number of users in the parts. */
  rows: number;
  /**
   * Completes the file. Call it after the snapshot of the parts is committed.
   *
   * @returns length and SHA-256 of the file that users download
   */
  close: () => Promise<DigestFacts>;
}

/**
 * Writes the header and every part of the plan, and reads each part back. So the files hold exactly
 * the bytes that PostgreSQL sent.
 */
export const writeParts = async (
  deps: ActivityDeps,
  wanted: Omit<Attempt, 'written'>,
): Promise<WrittenParts> => {
  const attempt = { ...wanted, written: createOrderedBuffer<FreshPart>(MAX_UNREAD) };
  const { target, plan, held } = attempt;
  const key = partKey({ ...target, part: 0 });
  const isGuarded = plan.textColumns !== undefined;
  const header = await writeHeader(
    { header: plan.header, isGuarded },
    { ...target, storage: deps.storage, key, signal: attempt.signal },
  );
  attempt.written.put(0, await record(deps, target, 0, header));

  const queue = plan.parts.entries();
  // The holder of the snapshot is a lane.
  const further = Math.min(LANES, plan.parts.length) - 1;
  const whole: Whole = { digest: createDigest(), check: { crc32: 0, bytes: 0 } };
  const rows = await runLanes(attempt.signal, (signal) => [
    readBack(deps, { ...attempt, signal }, whole).then(() => 0),
    runLane(deps, { ...attempt, signal }, held.client, queue),
    ...Array.from({ length: Math.max(further, 0) }, () =>
      runJoinedLane(deps, { ...attempt, signal }, queue),
    ),
  ]);
  return {
    rows: rows.reduce((sum, count) => sum + count, 0),
    close: () => close(deps, attempt, whole),
  };
};

const record = async (
  deps: ActivityDeps,
  target: Attempt['target'],
  part: number,
  facts: PartFacts & { tids?: string | undefined },
): Promise<FreshPart> => {
  const figures = {
    part,
    rows: facts.rows,
    raw_bytes: facts.rawBytes,
    bytes: facts.bytes,
    sha256: facts.sha256,
  };
  const { exportId: export_id, attempt } = target;
  await recordPart(deps.database.db, { export_id, attempt, ...figures, tids: facts.tids });
  return { ...target, ...figures, crc32: facts.crc32 };
};

/** Reads parts back in their order while others are being written, and adds them to `whole`. */
const readBack = async (deps: ActivityDeps, attempt: Attempt, whole: Whole): Promise<void> => {
  const { plan, signal, written } = attempt;
  for (let index = 0; index <= plan.parts.length; index++) {
    const part = await written.take(index, signal);
    await orSwept(part, verifyPart(deps.storage, part, signal, whole.digest));
    whole.check = joinChecks(whole.check, { crc32: part.crc32, bytes: part.raw_bytes });
    deps.meter.rows('verified', part.rows);
  }
};

/**
 * A missing part was swept because another attempt has won. The retryable error makes Temporal try
 * again, and the next try finds the winner.
 */
const orSwept = async (part: WrittenPart, reading: Promise<void>): Promise<void> => {
  try {
    await reading;
  } catch (error) {
    const isGone = error instanceof StorageError && error.problem === 'missing';
    throw isGone ? new StorageError(partKey(part), error.cause, 'broken') : error;
  }
};

/** Takes parts from the shared queue until it is empty or another lane has failed. */
const runLane = async (
  deps: ActivityDeps,
  attempt: Attempt,
  client: pg.ClientBase,
  queue: IterableIterator<[number, ExportPlan['parts'][number]]>,
): Promise<number> => {
  const { storage, crashPoint } = deps;
  let rows = 0;
  for (const [index, query] of queue) {
    attempt.signal.throwIfAborted();
    const part = index + 1;
    const key = partKey({ ...attempt.target, part });
    const to = { ...attempt.target, storage, key, signal: attempt.signal };
    // Row ids serve to delete users, so a download needs none.
    const rowIds = attempt.purpose === 'backup' ? createCopyRowIds() : undefined;
    const guard = guardOf(attempt.plan);
    const facts = await writePart(client, { query, rowIds, guard }, to);
    const fresh = await record(deps, attempt.target, part, { ...facts, tids: rowIds?.toArray() });
    attempt.written.put(part, fresh);
    crashPoint('export:part-written');
    // Wait before taking the next part: the reader waits for every part that was taken.
    await attempt.written.whenRoom(attempt.signal);
    rows += facts.rows;
  }
  return rows;
};

const guardOf = ({ textColumns }: ExportPlan) =>
  textColumns && createCsvGuard((column) => textColumns[column] === true);

/** Runs another lane on its own connection, if a connection is free now. */
const runJoinedLane = async (
  deps: ActivityDeps,
  attempt: Attempt,
  queue: IterableIterator<[number, ExportPlan['parts'][number]]>,
): Promise<number> => {
  const { exportedId, workspaceId } = attempt.held;
  const client = await joinSnapshot(deps.lanes, workspaceId, exportedId);
  if (client === undefined) return 0;
  let isWhole = false;
  try {
    await setCopyValues(client, attempt.plan.values);
    const rows = await runLane(deps, attempt, client, queue);
    await client.query('COMMIT');
    isWhole = true;
    return rows;
  } finally {
    client.release(!isWhole);
  }
};

/** Writes the trailer of a gzip file, and reads it back. */
const close = async (
  deps: ActivityDeps,
  { plan, target, signal }: Attempt,
  { digest, check }: Whole,
): Promise<DigestFacts> => {
  if (target.compression === 'gzip') {
    const { storage } = deps;
    const last = plan.parts.length + 1;
    const to = { ...target, storage, key: partKey({ ...target, part: last }), signal };
    const trailer = await record(deps, target, last, await writeTrailer(check, to));
    await orSwept(trailer, recheckPart(storage, trailer, signal, digest));
  }
  return digest.facts();
};
