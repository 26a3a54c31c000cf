import type pg from 'pg';
import { createCopyPlaces } from '../db/copy-places.ts';
import { recordPart } from '../db/exports.ts';
import { joinSnapshot, type HeldSnapshot } from '../db/held-snapshot.ts';
import type { Compression, Format } from '../db/schema.ts';
import { partKey } from '../storage/part-key.ts';
import type { ActivityDeps } from './deps.ts';
import type { ExportPlan } from './export-plan.ts';
import { runLanes } from './lanes.ts';
import { writeHeader, writePart, type PartFacts } from './write-part.ts';

/** Connections that read one snapshot side by side, the holder's included. */
const LANES = 2;

interface Attempt {
  held: HeldSnapshot;
  plan: ExportPlan;
  target: { exportId: string; attempt: number; format: Format; compression: Compression };
  purpose: 'backup' | 'download';
  signal: AbortSignal;
}

const record = (
  deps: ActivityDeps,
  { target }: Attempt,
  part: number,
  facts: PartFacts & { tids?: string | undefined },
) =>
  recordPart(deps.database.db, {
    export_id: target.exportId,
    attempt: target.attempt,
    part,
    rows: facts.rows,
    raw_bytes: facts.rawBytes,
    raw_sha256: facts.rawSha256,
    bytes: facts.bytes,
    sha256: facts.sha256,
    tids: facts.tids,
  });

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
    const rows = await runLane(deps, attempt, client, queue);
    await client.query('COMMIT');
    isWhole = true;
    return rows;
  } finally {
    client.release(!isWhole);
  }
};

/** Writes the header and every part of the plan. @returns how many users they hold */
export const writeParts = async (deps: ActivityDeps, attempt: Attempt): Promise<number> => {
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
  const rows = await runLanes(attempt.signal, (signal) => [
    runLane(deps, { ...attempt, signal }, held.client, queue),
    ...Array.from({ length: Math.max(further, 0) }, () =>
      runJoinedLane(deps, { ...attempt, signal }, queue),
    ),
  ]);
  return rows.reduce((sum, count) => sum + count, 0);
};
