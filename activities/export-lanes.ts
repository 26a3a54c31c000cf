import type pg from 'pg';
import { createCopyPlaces } from '../db/copy-places.ts';
import { setCopyValues } from '../db/copy-values.ts';
import { recordPart, type WrittenPart } from '../db/exports.ts';
import { joinSnapshot, type HeldSnapshot } from '../db/held-snapshot.ts';
import type { Compression, Format } from '../db/schema.ts';
import { createDigest, type Digest, type DigestFacts } from '../storage/digest-tap.ts';
import { partKey } from '../storage/part-key.ts';
import { StorageError } from '../storage/storage.ts';
import type { ActivityDeps } from './deps.ts';
import type { ExportPlan } from './export-plan.ts';
import { createInOrder, type InOrder } from './in-order.ts';
import { runLanes } from './lanes.ts';
import { verifyPart } from './verify-part.ts';
import { writeHeader, writePart, type PartFacts } from './write-part.ts';

/** Connections that read one snapshot side by side, the holder's included. */
const LANES = 2;
/** So many written parts may wait to be read back before the lanes do: nothing is left to do alone at the end. */
const MAX_UNREAD = 1;

interface Attempt {
  held: HeldSnapshot;
  plan: ExportPlan;
  target: { exportId: string; attempt: number; format: Format; compression: Compression };
  purpose: 'backup' | 'download';
  /** Parts whose files are durable, for who reads them back. */
  written: InOrder<WrittenPart>;
  signal: AbortSignal;
}

const record = async (
  deps: ActivityDeps,
  { target, written }: Attempt,
  part: number,
  facts: PartFacts & { tids?: string | undefined },
): Promise<void> => {
  const figures = {
    part,
    rows: facts.rows,
    raw_bytes: facts.rawBytes,
    bytes: facts.bytes,
    sha256: facts.sha256,
  };
  const { exportId: export_id, attempt } = target;
  await recordPart(deps.database.db, { export_id, attempt, ...figures, tids: facts.tids });
  written.put(part, { ...target, ...figures });
};

/** Takes parts from the shared queue until none is left, or another lane has failed. */
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
    // A download is never deleted by, so it needs no places.
    const places = attempt.purpose === 'backup' ? createCopyPlaces() : undefined;
    const facts = await writePart(client, { query, places }, to);
    await record(deps, attempt, part, { ...facts, tids: places?.toArray() });
    crashPoint('export:part-written');
    // Before the next part is taken: the reader waits for each that is.
    await attempt.written.whenRoom(attempt.signal);
    rows += facts.rows;
  }
  return rows;
};

/** A further lane on a connection of its own, if one is free at once. */
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

/** A part that is gone was swept, as another attempt has won: tried again, this one finds that out. */
const sweptError = (part: WrittenPart, error: unknown): unknown =>
  error instanceof StorageError && error.problem === 'missing'
    ? new StorageError(partKey(part), error.cause, 'broken')
    : error;

/** Reads parts back in their order, while others are being written, and adds them to the whole. */
const readBack = async (deps: ActivityDeps, attempt: Attempt, whole: Digest): Promise<void> => {
  const { plan, signal, written } = attempt;
  for (let index = 0; index <= plan.parts.length; index++) {
    const part = await written.take(index, signal);
    await verifyPart(deps.storage, part, signal, whole).catch((error: unknown) => {
      throw sweptError(part, error);
    });
    deps.meter.rows('verified', part.rows);
  }
};

/**
 * Writes the header and every part of the plan, and reads each back whole: it is what PostgreSQL sent.
 *
 * @returns how many users they hold, and length and SHA-256 of the file that is given out
 */
export const writeParts = async (
  deps: ActivityDeps,
  wanted: Omit<Attempt, 'written'>,
): Promise<{ rows: number } & DigestFacts> => {
  const attempt = { ...wanted, written: createInOrder<WrittenPart>(MAX_UNREAD) };
  const { target, plan, held } = attempt;
  const key = partKey({ ...target, part: 0 });
  const header = await writeHeader(plan.header, {
    ...target,
    storage: deps.storage,
    key,
    signal: attempt.signal,
  });
  await record(deps, attempt, 0, header);

  const queue = plan.parts.entries();
  const further = Math.min(LANES, plan.parts.length) - 1;
  const whole = createDigest();
  const rows = await runLanes(attempt.signal, (signal) => [
    readBack(deps, { ...attempt, signal }, whole).then(() => 0),
    runLane(deps, { ...attempt, signal }, held.client, queue),
    ...Array.from({ length: Math.max(further, 0) }, () =>
      runJoinedLane(deps, { ...attempt, signal }, queue),
    ),
  ]);
  return { ...whole.facts(), rows: rows.reduce((sum, count) => sum + count, 0) };
};
