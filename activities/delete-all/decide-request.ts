import { activityInfo } from '@temporalio/activity';
import type { Config } from '../../config.ts';
import { decideRequest, findDecision, listRecentlyWritten } from '../../db/delete-all/decisions.ts';
import {
  claimRequest,
  findRequestView,
  findRequestWorkspace,
} from '../../db/delete-all/delete-all-requests.ts';
import {
  type Activities,
  type Decide,
  type MessageKind,
  type Refusal,
  isUrgent,
  requestWorkflowIdOf,
  type RequestView,
} from '../../workflows/contract.ts';
import { findCodeHolder } from './decision-codes.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';

/** The workflow run that an activity serves, by Temporal's word and not by that of its input. */
export interface Caller {
  workflowId: string;
  runId: string;
}

export interface DecideDeps extends ActivityDeps {
  config: Pick<Config, 'linkSecret' | 'deleteAllSignals'>;
}

const callerOfActivity = (): Caller => {
  const { workflowExecution } = activityInfo();
  if (workflowExecution === undefined) throw new Error('requests are decided by workflows');
  return workflowExecution;
};

/** @throws requestNotYours when another workflow than the request's own asks */
const assertOwn = ({ workflowId }: Caller, requestId: string): void => {
  if (workflowId !== requestWorkflowIdOf(requestId)) throw failures.requestNotYours(requestId);
};

/** Whose message it is, or why that is not shown. One that names a row of the API needs no code. */
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

/**
 * Moves a request on for a run of its workflow. The database decides under the locks of request and
 * decision, by compare-and-set: who comes second finds what the first has written. Answers how the request
 * stands then.
 *
 * @throws requestUnknown, and requestNotYours when another run has claimed it
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
  (deps: DecideDeps, callerOf = callerOfActivity): Activities['decideRequest'] =>
  async (asked) => {
    const caller = callerOf();
    assertOwn(caller, asked.requestId);
    return decideFor(deps, caller.runId, asked);
  };

/** Rows that end something come first. */
const inOrder = (rows: { id: string; kind: MessageKind }[]) =>
  rows.toSorted((a, b) => Number(isUrgent(b)) - Number(isUrgent(a)));

/** Decides rows that the API wrote. One that is no row of this request is told as such. */
export const createDecideWritten =
  (deps: DecideDeps, callerOf = callerOfActivity): Activities['decideWritten'] =>
  async ({ requestId, rows, more }) => {
    const { db } = deps.database;
    const caller = callerOf();
    assertOwn(caller, requestId);
    const recent = more ? await listRecentlyWritten(db, requestId) : [];
    let view = await viewOf(deps, requestId);
    for (const { id, kind } of inOrder([...recent, ...rows])) {
      // Most messages of a flood name rows that are none: they leave no trace each.
      if (more && (await findDecision(db, id)) === undefined) continue;
      const asked = { requestId, kind, id, decisionId: id };
      view = { ...(await decideFor(deps, caller.runId, asked)), tried: kind };
    }
    return view;
  };

/** @throws requestUnknown when there is no such request, requestNotYours when the workflow is not its own */
export const createClaimRequest =
  (deps: DecideDeps, callerOf = callerOfActivity): Activities['claimRequest'] =>
  async ({ requestId }) => {
    const caller = callerOf();
    assertOwn(caller, requestId);
    const isThere = await claimRequest(deps.database.db, requestId, caller.runId);
    if (!isThere) throw failures.requestUnknown(requestId);
    return viewOf(deps, requestId);
  };
