import type { Config } from '../../config.ts';
import { decideRequest, findDecision, listRecentlyWritten } from '../../db/delete-all/decisions.ts';
import {
  claimRequest,
  findRequestView,
  findRequestWorkspace,
} from '../../db/delete-all/delete-all-requests.ts';
import { type Activities } from '../../workflows/contracts/activities.ts';
import {
  type Decide,
  type MessageKind,
  type Refusal,
  isUrgent,
  type RequestView,
} from '../../workflows/contracts/delete-all.ts';
import { findCodeHolder } from './decision-codes.ts';
import { callerOfActivity } from '../caller.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';

export interface DecideDeps extends ActivityDeps {
  config: Pick<Config, 'linkSecret' | 'deleteAllSignals'>;
}

/** The workflow run that called. `withOwnWorkflow` has checked that it belongs to the request. */
type RunOf = () => { runId: string };

/**
 * Makes one attempt to change a request's state, for a run of its workflow. The database decides by
 * compare-and-set, under the locks of the request and the decision. So a second caller gets the
 * decision of the first. Returns the request after the decision.
 *
 * @throws requestUnknown; requestNotYours when another run has claimed the request
 */
export const decideFor = async (
  deps: DecideDeps,
  runId: string | null,
  asked: Decide,
): Promise<RequestView> => {
  const { requestId, kind, id, decisionId, reason } = asked;
  const proof = await proofOf(deps, asked);
  const refusal = await decideRequest(deps.database.db, {
    requestId,
    runId,
    kind,
    tryId: id,
    decisionId: decisionId ?? null,
    keyId: proof.keyId ?? null,
    reason: reason ?? null,
    refusal: proof.refusal ?? null,
  });
  return { ...(await viewOf(deps, requestId)), ...(refusal !== null && { refusal }) };
};

export const createDecideRequest =
  (deps: DecideDeps, runOf: RunOf = callerOfActivity): Activities['decideRequest'] =>
  async (asked) =>
    decideFor(deps, runOf().runId, asked);

/** Decides rows that the API wrote. A row that does not belong to this request is refused. */
export const createDecideWritten =
  (deps: DecideDeps, runOf: RunOf = callerOfActivity): Activities['decideWritten'] =>
  async ({ requestId, rows, more }) => {
    const { db } = deps.database;
    const { runId } = runOf();
    const recent = more ? await listRecentlyWritten(db, requestId) : [];
    let view = await viewOf(deps, requestId);
    for (const { id, kind } of inOrder([...recent, ...rows])) {
      // In a flood of messages most name no existing row. Such messages are skipped, so that they
      // write nothing.
      if (more && (await findDecision(db, id)) === undefined) continue;
      const asked = { requestId, kind, id, decisionId: id };
      view = { ...(await decideFor(deps, runId, asked)), tried: kind };
    }
    return view;
  };

/** @throws requestUnknown when there is no such request */
export const createClaimRequest =
  (deps: DecideDeps, runOf: RunOf = callerOfActivity): Activities['claimRequest'] =>
  async ({ requestId }) => {
    const isThere = await claimRequest(deps.database.db, requestId, runOf().runId);
    if (!isThere) throw failures.requestUnknown(requestId);
    return viewOf(deps, requestId);
  };

/**
 * The key of the message's sender, or why there is no proof of it. A message that names a row of
 * the API needs no code.
 */
const proofOf = async (
  { database: { db }, config }: DecideDeps,
  { requestId, kind, decisionId, code, malformed }: Decide,
): Promise<{ keyId?: string; refusal?: Refusal }> => {
  if (malformed) return { refusal: 'malformed' };
  if (kind === 'unknown') return { refusal: 'unknownSignal' };
  if (decisionId !== undefined) return {};
  if (kind === 'lapse' || kind === 'expire' || kind === 'finish' || kind === 'stop') return {};
  if (code === undefined || config.deleteAllSignals === 'off') return { refusal: 'unproven' };
  const workspaceId = await findRequestWorkspace(db, requestId);
  if (workspaceId === undefined) throw failures.requestUnknown(requestId);
  const keyId = await findCodeHolder(db, config.linkSecret, { requestId, workspaceId, kind, code });
  return keyId === undefined ? { refusal: 'unproven' } : { keyId };
};

const viewOf = async ({ database: { db } }: ActivityDeps, requestId: string) => {
  const view = await findRequestView(db, requestId);
  if (view === undefined) throw failures.requestUnknown(requestId);
  return view;
};

/** Sorts decisions that end the request first. */
const inOrder = (rows: { id: string; kind: MessageKind }[]) =>
  rows.toSorted((a, b) => Number(isUrgent(b)) - Number(isUrgent(a)));
