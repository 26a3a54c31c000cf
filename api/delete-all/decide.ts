import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import {
  type DecisionRow,
  findDecision,
  findDecisionByKey,
  giveUpDecision,
  submitDecision,
  type WrittenDecision,
} from '../../db/delete-all/decisions.ts';
import { findRequest, type RequestRow } from '../../db/delete-all/delete-all-requests.ts';
import { isOver } from '../../rules/delete-all.ts';
import {
  isUnfinished,
  type MessageKind,
  type Refusal,
} from '../../workflows/contracts/delete-all.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../actor.ts';
import { previewUsed } from '../deletions/confirmed-preview.ts';
import { type Idempotency, oncePerKey, readIdempotency } from '../http/idempotency.ts';
import { notFound, problem, type ProblemData, type ProblemError } from '../http/problems.ts';

/** How long a caller waits for a decision of the workflow, in ms; the usual time is 50 ms. */
const DECISION_DEADLINE_MS = 8_000;
const POLL_INTERVAL_MS = 25;

type Deps = Pick<ApiDeps, 'database' | 'requests'>;

export interface DecisionInput {
  kind: MessageKind;
  reason?: string | undefined;
  previewId?: string;
  /** The run to retry. */
  jobId?: string;
}

const ADVICE: Record<
  Exclude<Refusal, 'wrongState' | 'tooLate'>,
  (request: RequestRow) => ProblemError
> = {
  selfApproval: () =>
    problem(
      'self-approval',
      'You made this request yourself, with this key or with another of your keys.',
    ),
  unknownKey: () => problem('forbidden', 'Your key no longer exists.'),
  revokedKey: () => problem('forbidden', 'Your key was revoked or has expired.'),
  wrongRole: () => problem('forbidden', 'Your key does not allow this decision.'),
  reasonRequired: () => problem('unprocessable', 'A denial requires a reason.'),
  previewExpired: () => problem('preview-expired', 'The preview has expired. Make a new preview.'),
  previewUsed: (request) => previewUsed(dataOf(request)),
  notConfirmed: (request) =>
    problem('wrong-state', 'This preview does not belong to this request.', {
      data: dataOf(request),
    }),
  unanswered: () =>
    problem('temporal-unavailable', 'No worker responded in time. Nothing was changed.'),
  malformed: () => problem('internal', 'The workflow received a decision that it cannot read.'),
  decisionMismatch: () =>
    problem('internal', 'The decision differs from the decision that the code was made for.'),
  unproven: () => problem('internal', 'The decision does not belong to your key.'),
  unknownSignal: () => problem('internal', 'The workflow does not know this decision.'),
  tooEarly: () => problem('internal', 'It is too early for this decision.'),
  stillRunning: () => problem('internal', 'The run has not ended yet.'),
};

const unanswered = (decision: DecisionRow, cause?: unknown): ProblemError =>
  problem(
    'temporal-unavailable',
    decision.idempotency_key === null
      ? 'Temporal or a worker does not respond. Nothing was changed.'
      : `Decision ${decision.id} is waiting for a worker. Send the same request with the same key again to complete this decision.`,
    { cause },
  );

/** @throws ProblemError 404 if there is no request that the caller can access */
export const getRequest = async (
  { database: { db } }: Pick<ApiDeps, 'database'>,
  id: string,
  workspaceId: string | null,
): Promise<RequestRow> => {
  const row = await findRequest(db, id, workspaceId);
  if (row === undefined) throw notFound('delete-all request');
  return row;
};

/** A request and its latest deletion, if there is one, as the data of a problem. */
export const dataOf = ({ id, job_id: jobId }: Pick<RequestRow, 'id' | 'job_id'>): ProblemData => ({
  requestId: id,
  ...(jobId !== null && { jobId }),
});

/** The problem with the state of a request, or with its closed window. */
export const refusedBy = (request: RequestRow, needsWindow: boolean): ProblemError => {
  const { id, state, closes_at: closesAt } = request;
  return needsWindow && closesAt !== null && state !== 'running'
    ? problem('window-closed', `The window of request ${id} is closed (${state}).`)
    : problem('wrong-state', `Request ${id} is ${state}.`, { data: dataOf(request) });
};

/**
 * Stores a decision, sends it to the workflow of the request, and waits for the outcome. `check`
 * may throw to reject a new decision. The same idempotency key returns the same outcome.
 *
 * @throws ProblemError if the decision was refused, or the workflow does not respond
 */
export const decide = async (
  request: FastifyRequest,
  deps: Deps,
  id: string,
  check: (row: RequestRow) => Promise<DecisionInput> | DecisionInput,
): Promise<RequestRow> => {
  const { workspaceId } = request.access;
  const row = await getRequest(deps, id, workspaceId);
  const idempotency = readIdempotency(request);
  let decision = await oncePerKey(idempotency, {
    find: (key) => findDecisionByKey(deps.database.db, id, key),
    usedFor: (earlier) => `decision ${earlier.id} by another request`,
    write: async () => {
      const input = await check(row);
      if (isOver(row)) throw refusedBy(row, needsWindow(input.kind));
      return write(deps, { id, actor: request.actor, idempotency }, input);
    },
  });
  if (decision === undefined) throw new Error(`a decision on request ${id} was not written`);
  if (decision.outcome === 'pending') decision = await submit(deps, decision);
  const now = await getRequest(deps, id, workspaceId);
  if (decision.refusal === null) return now;
  const hasEnded = decision.refusal === 'unanswered' && !isUnfinished(now.state);
  throw toProblem(hasEnded ? 'wrongState' : decision.refusal, now, decision.kind);
};

const needsWindow = (kind: string): boolean => kind === 'run' || kind === 'retry';

/** Undefined if another decision has the same key. */
const write = async (
  deps: Deps,
  {
    id,
    actor,
    idempotency,
  }: { id: string; actor: Pick<Actor, 'proof'>; idempotency: Idempotency | undefined },
  { kind, reason, previewId, jobId }: DecisionInput,
): Promise<DecisionRow | undefined> => {
  const decision: WrittenDecision = {
    id: uuidv7(),
    requestId: id,
    kind,
    proof: actor.proof,
    ...(reason !== undefined && { reason }),
    ...(previewId !== undefined && { previewId }),
    ...(jobId !== undefined && { jobId }),
    ...(idempotency !== undefined && { idempotency }),
  };
  const outcome = await submitDecision(deps.database.db, decision);
  return outcome === undefined ? undefined : getDecision(deps, decision.id);
};

const getDecision = async ({ database: { db } }: Deps, id: string): Promise<DecisionRow> => {
  const row = await findDecision(db, id);
  if (row === undefined) throw new Error(`decision ${id} no longer exists`);
  return row;
};

const submit = async (deps: Deps, pending: DecisionRow): Promise<DecisionRow> => {
  const message = { decisionId: pending.id };
  let isSent: boolean;
  try {
    isSent = await deps.requests.send(pending.request_id, pending.kind as MessageKind, message);
  } catch (cause) {
    return giveUp(deps, pending, cause);
  }
  if (isSent) return awaitDecision(deps, pending);
  // The request ended between our check and the message.
  await giveUpDecision(deps.database.db, pending.id);
  return getDecision(deps, pending.id);
};

/**
 * A caller without an idempotency key cannot read the outcome later. So its decision is abandoned
 * if the workflow did not take it in time.
 */
const giveUp = async (deps: Deps, decision: DecisionRow, cause?: unknown): Promise<DecisionRow> => {
  const { db } = deps.database;
  if (decision.idempotency_key !== null || (await giveUpDecision(db, decision.id))) {
    throw unanswered(decision, cause);
  }
  return getDecision(deps, decision.id);
};

const awaitDecision = async (deps: Deps, pending: DecisionRow): Promise<DecisionRow> => {
  const deadline = Date.now() + DECISION_DEADLINE_MS;
  while (Date.now() < deadline) {
    const decision = await getDecision(deps, pending.id);
    if (decision.outcome !== 'pending') return decision;
    await sleep(POLL_INTERVAL_MS);
  }
  return giveUp(deps, pending);
};

const toProblem = (
  refusal: Refusal,
  request: RequestRow,
  kind: DecisionRow['kind'],
): ProblemError =>
  refusal === 'wrongState' || refusal === 'tooLate'
    ? refusedBy(request, needsWindow(kind))
    : ADVICE[refusal](request);
