import { uuidv7 } from 'uuidv7';
import { recordActivity, type ActivityKind } from '../db/activity.ts';
import type { Trx } from '../db/client.ts';
import { findDecider, lockDecision, recordDecision, type DecisionRow } from '../db/decisions.ts';
import {
  claimRequest,
  lockRequest,
  viewOf,
  type LockedRequest,
} from '../db/delete-all-requests.ts';
import { insertJobIn } from '../db/jobs.ts';
import { findRunEnd } from '../db/job-runs.ts';
import { findPreviewUse } from '../db/previews.ts';
import {
  MESSAGE_KINDS,
  type Activities,
  type Decide,
  type Refusal,
  type RequestView,
  isUnfinished,
} from '../workflows/contract.ts';
import { ruleOn, type Facts, type Verdict } from './delete-all-rule.ts';
import type { ActivityDeps } from './deps.ts';
import { failures } from './failures.ts';

/** A decision as it is taken: under one id, with the words of its row or of the message itself. */
interface Decision extends Pick<Decide, 'kind' | 'at' | 'windowMs'> {
  id: string;
  keyId: string | null;
  reason: string | null;
  previewId: string | null;
  /** Set when it is refused whatever the rules say. */
  refusal?: Refusal;
}

type Decider = NonNullable<Awaited<ReturnType<typeof findDecider>>>;

const isSame = (row: DecisionRow, { requestId, kind, by }: Decide): boolean =>
  row.request_id === requestId && row.kind === kind && (row.key_id ?? by) === by;

/**
 * A message may name the row that the API wrote for it, and must then be what that row says; a row of
 * somebody else's is left alone. One that names no row brings its own words.
 */
const identify = async (
  trx: Trx,
  asked: Decide,
): Promise<{ row?: DecisionRow; id: string; refusal?: Refusal }> => {
  const own = await lockDecision(trx, asked.id);
  if (own !== undefined) return { row: own, id: own.id };
  if (asked.malformed) return { id: asked.id, refusal: 'malformed' };
  if (asked.decisionId === undefined) return { id: asked.id };
  const row = await lockDecision(trx, asked.decisionId);
  if (row === undefined) return { id: asked.decisionId };
  if (isSame(row, asked)) return { row, id: row.id };
  return { id: asked.id, refusal: 'decisionMismatch' };
};

const previewOf = async (trx: Trx, requestId: string, { previewId }: Decision) => {
  const preview = previewId === null ? undefined : await findPreviewUse(trx, previewId);
  if (preview === undefined || preview.request_id !== requestId) return 'missing';
  if (preview.job_id !== null) return 'used';
  return preview.is_expired ? 'expired' : 'usable';
};

const learn = async (
  trx: Trx,
  request: LockedRequest,
  decision: Decision,
  decider: Decider | undefined,
): Promise<Facts> => ({
  at: decision.at,
  lapsesAt: viewOf(request).lapsesAt,
  closesAt: viewOf(request).closesAt,
  decider:
    decider === undefined
      ? null
      : {
          role: decider.role,
          isRevoked: decider.revoked_at !== null,
          isOfWorkspace: decider.workspace_id === request.workspace_id,
          isRequester: decider.owner_email === request.requester_person,
        },
  hasReason: decision.reason !== null,
  preview: decision.kind === 'run' ? await previewOf(trx, request.id, decision) : 'missing',
  run: decision.kind === 'finish' ? await findRunEnd(trx, request.job_id) : null,
});

const startRun = async (
  trx: Trx,
  request: LockedRequest,
  { keyId, reason, previewId }: Decision,
): Promise<string> => {
  const id = uuidv7();
  const isWritten = await insertJobIn(trx, {
    id,
    workspaceId: request.workspace_id,
    type: 'deletion',
    selection: { type: 'all' },
    options: { notify: true },
    reason: reason ?? request.reason,
    actorKeyId: keyId ?? '',
    previewId: previewId ?? '',
    parentId: request.id,
  });
  // The preview is bound to this request, whose row is held: nobody else can have used it.
  if (!isWritten) throw failures.requestUnknown(request.id);
  return id;
};

/** Writes where the decision leads. A window is opened once, and its end is never written again. */
const move = async (
  trx: Trx,
  request: LockedRequest,
  decision: Decision,
  to: RequestView['state'],
) => {
  const at = new Date(decision.at);
  const opens = decision.kind === 'approve';
  return trx
    .updateTable('delete_all_requests')
    .set({
      state: to,
      ...(opens && { opens_at: at, closes_at: new Date(decision.at + decision.windowMs) }),
      ...(decision.kind === 'run' && { job_id: await startRun(trx, request, decision) }),
      ...(!isUnfinished(to) && { finished_at: at }),
    })
    .where('id', '=', request.id)
    .returningAll()
    .executeTakeFirstOrThrow();
};

const isMessage = (kind: Decide['kind']): boolean =>
  (MESSAGE_KINDS as readonly string[]).includes(kind);

const activityKind = (kind: Decide['kind'], refusal: Refusal | undefined): ActivityKind => {
  if (refusal !== undefined) return 'deleteAllRefused';
  const [first = '', ...rest] = kind;
  return `deleteAll${first.toUpperCase()}${rest.join('')}` as ActivityKind;
};

const decide = async (
  trx: Trx,
  request: LockedRequest,
  decision: Decision,
  by: string | undefined,
): Promise<RequestView> => {
  const decider = by === undefined ? undefined : await findDecider(trx, by);
  const verdict: Verdict =
    decision.refusal === undefined
      ? ruleOn(request.state, decision.kind, await learn(trx, request, decision, decider))
      : { refusal: decision.refusal };
  const refusal = 'refusal' in verdict ? verdict.refusal : undefined;
  // That it is not time yet is no event: the clock and the run's end are simply asked again.
  if (refusal !== undefined && !isMessage(decision.kind)) return { ...viewOf(request), refusal };
  const keyId = decider?.id ?? null;
  const moved =
    'to' in verdict ? await move(trx, request, { ...decision, keyId }, verdict.to) : request;
  await recordDecision(trx, {
    ...decision,
    requestId: request.id,
    keyId,
    at: new Date(decision.at),
    state: moved.state,
    refusal: refusal ?? null,
  });
  await recordActivity(trx, {
    workspaceId: request.workspace_id,
    kind: activityKind(decision.kind, refusal),
    requestId: request.id,
    ...(keyId !== null && { actorKeyId: keyId }),
    ...(moved.job_id !== null && { jobId: moved.job_id }),
    ...(decision.reason !== null && { reason: decision.reason }),
  });
  return { ...viewOf(moved), ...(refusal !== undefined && { refusal }) };
};

/**
 * Decides under the locks of request and decision, by compare-and-set: who comes second finds what the
 * first has written. Answers how the request stands then. A decision taken before is answered as it was
 * and changes nothing, however often it is asked.
 */
export const createDecideRequest =
  ({ database: { db } }: ActivityDeps): Activities['decideRequest'] =>
  (asked) =>
    db.transaction().execute(async (trx) => {
      const request = await lockRequest(trx, asked.requestId);
      if (request === undefined) throw failures.requestUnknown(asked.requestId);
      const { row, id, refusal } = await identify(trx, asked);
      if (row !== undefined && row.outcome !== 'pending') {
        return { ...viewOf(request), ...(row.refusal !== null && { refusal: row.refusal }) };
      }
      const decision: Decision = {
        kind: asked.kind,
        at: asked.at,
        windowMs: asked.windowMs,
        id,
        keyId: null,
        reason: row === undefined ? (asked.reason ?? null) : row.reason,
        previewId: row?.preview_id ?? null,
        ...(refusal !== undefined && { refusal }),
      };
      return decide(trx, request, decision, asked.by);
    });

/** @throws requestUnknown when there is no such request: its workflow was started by hand */
export const createClaimRequest =
  ({ database: { db } }: ActivityDeps): Activities['claimRequest'] =>
  async ({ requestId, runId, at, lapseMs }) => {
    const claim = { requestId, runId, askedAt: new Date(at), lapsesAt: new Date(at + lapseMs) };
    const view = await claimRequest(db, claim);
    if (view === undefined) throw failures.requestUnknown(requestId);
    return view;
  };
