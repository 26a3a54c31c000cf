import { sql } from 'kysely';
import type { DecisionKind, MessageKind, Refusal, RequestState } from '../workflows/contract.ts';
import type { Db, Trx } from './client.ts';

export interface PendingDecision {
  id: string;
  requestId: string;
  kind: MessageKind;
  keyId: string;
  reason?: string;
  previewId?: string;
  idempotency?: { key: string; requestHash: string };
}

/** Writes down what someone wants before it is decided. False when its idempotency key was used before. */
export const insertPending = async (db: Db, decision: PendingDecision): Promise<boolean> => {
  const inserted = await db
    .insertInto('decisions')
    .values({
      id: decision.id,
      request_id: decision.requestId,
      kind: decision.kind,
      key_id: decision.keyId,
      reason: decision.reason ?? null,
      preview_id: decision.previewId ?? null,
      idempotency_key: decision.idempotency?.key ?? null,
      request_hash: decision.idempotency?.requestHash ?? null,
    })
    .onConflict((conflict) => conflict.columns(['request_id', 'idempotency_key']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
};

export const findDecision = (db: Db, id: string) =>
  db.selectFrom('decisions').selectAll().where('id', '=', id).executeTakeFirst();

export type DecisionRow = NonNullable<Awaited<ReturnType<typeof findDecision>>>;

export const findDecisionByKey = (db: Db, requestId: string, key: string) =>
  db
    .selectFrom('decisions')
    .selectAll()
    .where('request_id', '=', requestId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst();

/** Holds a decision until the transaction ends, so that nobody gives it up meanwhile. */
export const lockDecision = (trx: Trx, id: string) =>
  trx.selectFrom('decisions').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();

/** Gives a pending decision up, so that it is never carried out. False when it was decided before. */
export const giveUpDecision = async (db: Db, id: string): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('decisions')
    .set({ outcome: 'refused', refusal: 'unanswered', decided_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('outcome', '=', 'pending')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

export interface Decided {
  id: string;
  requestId: string;
  kind: DecisionKind;
  keyId: string | null;
  reason: string | null;
  at: Date;
  /** What the request is in now. */
  state: RequestState;
  refusal: Refusal | null;
}

/** Writes what became of a decision: on the pending row, or as a row of its own. */
export const recordDecision = async (trx: Trx, decided: Decided): Promise<void> => {
  const outcome = {
    outcome: decided.refusal === null ? ('accepted' as const) : ('refused' as const),
    refusal: decided.refusal,
    state: decided.state,
    decided_at: decided.at,
  };
  await trx
    .insertInto('decisions')
    .values({
      id: decided.id,
      request_id: decided.requestId,
      kind: decided.kind,
      key_id: decided.keyId,
      reason: decided.reason,
      ...outcome,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(outcome))
    .execute();
};

/** How many of a request are told at most; a flood of messages is not. */
const TIMELINE_LIMIT = 500;

/** What was tried and what came of it, oldest first, by the index `decisions_of_request`. */
export const listDecisions = (db: Db, requestId: string) =>
  db
    .selectFrom('decisions as d')
    .leftJoin('api_keys as key', 'key.id', 'd.key_id')
    .select(['d.id', 'd.kind', 'd.outcome', 'd.refusal', 'd.state', 'd.reason', 'd.key_id'])
    .select(['key.role', 'key.owner_name'])
    .select((eb) => eb.fn.coalesce('d.decided_at', 'd.created_at').as('at'))
    .where('d.request_id', '=', requestId)
    .orderBy('at')
    .orderBy('d.id')
    .limit(TIMELINE_LIMIT)
    .execute();

/** The accepted decision of a kind that comes once in a request; a mail tells its words. */
export const findAccepted = (db: Db, requestId: string, kind: DecisionKind) =>
  db
    .selectFrom('decisions')
    .select('reason')
    .where('request_id', '=', requestId)
    .where('kind', '=', kind)
    .where('outcome', '=', 'accepted')
    .executeTakeFirst();

/** The key a message says it comes from, revoked or not. */
export const findDecider = (db: Db, keyId: string) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'role', 'workspace_id', 'owner_email', 'revoked_at'])
    .where('id', '=', keyId)
    .executeTakeFirst();
