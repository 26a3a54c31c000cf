import type pg from 'pg';
import { recordPart } from '../db/exports.ts';
import { joinSnapshot, type HeldSnapshot } from '../db/held-snapshot.ts';
import type { Compression } from '../db/schema.ts';
import { partKey } from '../storage/part-key.ts';
import type { ActivityDeps } from './deps.ts';
import type { ExportPlan } from './export-plan.ts';
import { writeHeader, writePart, type PartFacts } from './write-part.ts';

/** Connections that read one snapshot side by side, the holder's included. */
const LANES = 2;

interface Attempt {
  held: HeldSnapshot;
  plan: ExportPlan;
  target: { exportId: string; attempt: number; compression: Compression };
  purpose: 'backup' | 'download';
  signal: AbortSignal;
}

/** The places of a part's rows, read by the same connection under the same snapshot. */
const readTids = async (client: pg.ClientBase, query: string): Promise<string> => {
  const { rows } = await client.query<{ tids: string | null }>(query);
  return rows[0]?.tids ?? '{}';
};

const record = (
  deps: ActivityDeps,
  { target }: Attempt,
  part: number,
  facts: PartFacts & { tids?: string },
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
  for (const [index, queries] of queue) {
    attempt.signal.throwIfAborted();
    const part = index + 1;
    const key = partKey({ ...attempt.target, part });
    const to = { storage, key, compression: attempt.target.compression, signal: attempt.signal };
    const facts = await writePart(client, queries.rows, to);
    // A download is never deleted by, so it needs no places.
    const tids = attempt.purpose === 'backup' ? await readTids(client, queries.tids) : '{}';
    await record(deps, attempt, part, { ...facts, tids });
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
export const writeParts = async (deps: ActivityDeps, given: Attempt): Promise<number> => {
  const broken = new AbortController();
  const attempt = { ...given, signal: AbortSignal.any([given.signal, broken.signal]) };
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
  const lanes = [runLane(deps, attempt, held.client, queue)];
  while (lanes.length < Math.min(LANES, plan.parts.length)) {
    lanes.push(runJoinedLane(deps, attempt, queue));
  }
  // The first failure stops the others; all are awaited, since they use the holder's snapshot.
  for (const lane of lanes) lane.catch((error: unknown) => broken.abort(error));
  const settled = await Promise.allSettled(lanes);
  if (broken.signal.aborted) throw broken.signal.reason;
  return settled.reduce((sum, lane) => sum + (lane.status === 'fulfilled' ? lane.value : 0), 0);
};
