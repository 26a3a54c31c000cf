import { sql } from 'kysely';
import type {
  DecisionKind,
  MessageKind,
  Refusal,
  RequestState,
} from '../../workflows/contracts/delete-all.ts';
import type { Db } from '../client.ts';
import { isKeyValid } from '../key-end.ts';

export interface WrittenDecision {
  id: string;
  requestId: string;
  kind: MessageKind;
  /** Proves that the holder of the key sends the decision; see `proofOf`. */
  proof: Buffer;
  reason?: string;
  previewId?: string;
  /** The run to retry. */
  jobId?: string;
  idempotency?: { key: string; requestHash: string };
}

/**
 * Records a decision before it is decided. A decision that the rules refuse already is refused at
 * once. Undefined if its idempotency key was used before.
 */
export const submitDecision = async (
  db: Db,
  decision: WrittenDecision,
): Promise<'pending' | 'refused' | undefined> => {
  const { id, requestId, kind, proof, reason, previewId, jobId, idempotency } = decision;
  const { rows } = await sql<{ outcome: 'pending' | 'refused' | null }>`
    SELECT submit_decision(${proof}::bytea, ${id}::uuid, ${requestId}::uuid, ${kind}::text,
      ${reason ?? null}::text, ${previewId ?? null}::uuid, ${jobId ?? null}::uuid,
      ${idempotency?.key ?? null}::text, ${idempotency?.requestHash ?? null}::text) AS outcome`.execute(
    db,
  );
  return rows[0]?.outcome ?? undefined;
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

/** Abandons a pending decision, so that it is never carried out. False if it was decided before. */
export const giveUpDecision = async (db: Db, id: string): Promise<boolean> => {
  const { rows } = await sql<{ isGivenUp: boolean }>`
    SELECT give_up_decision(${id}::uuid) AS "isGivenUp"`.execute(db);
  return rows[0]?.isGivenUp ?? false;
};

export interface Decision {
  requestId: string;
  /** The run of the request's workflow that decides; null if no run has claimed the request. */
  runId: string | null;
  kind: DecisionKind;
  /** The id of this try. The decision is recorded under this id if `decisionId` is null. */
  tryId: string;
  /** The row that the API wrote. */
  decisionId: string | null;
  /** The proven sender of a message without a row. */
  keyId: string | null;
  reason: string | null;
  /** A refusal that applies whatever the rules say. */
  refusal: Refusal | null;
}

/**
 * Applies a decision to a request, by the database's rules.
 *
 * @returns why the decision was refused; null when it was accepted
 */
export const decideRequest = async (db: Db, decision: Decision): Promise<Refusal | null> => {
  const { requestId, runId, kind, tryId, decisionId, keyId, reason, refusal } = decision;
  const { rows } = await sql<{ refusal: Refusal | null }>`
    SELECT decide_request(${requestId}::uuid, ${runId}::text, ${kind}::text, ${tryId}::uuid,
      ${decisionId}::uuid, ${keyId}::uuid, ${reason}::text, ${refusal}::text) AS refusal`.execute(
    db,
  );
  return rows[0]?.refusal ?? null;
};

/**
 * How long a decision may stay pending before its caller gets an answer without an outcome, in
 * seconds.
 */
const FRESH_SECONDS = 60;
const FRESH_LIMIT = 50;

/** Decisions of a request that were recorded within `FRESH_SECONDS` and are still pending. */
export const listRecentlyWritten = async (db: Db, requestId: string) => {
  const rows = await db
    .selectFrom('decisions')
    .select(['id', 'kind'])
    .where('request_id', '=', requestId)
    .where('outcome', '=', 'pending')
    .where('created_at', '>', sql<Date>`now() - make_interval(secs => ${FRESH_SECONDS})`)
    .orderBy('created_at')
    .limit(FRESH_LIMIT)
    .execute();
  return rows.map(({ id, kind }) => ({ id, kind: kind as MessageKind }));
};

/** Most refused decisions of a request that are listed. */
const MAX_REFUSALS = 500;

/**
 * Decisions of a request and their outcomes, oldest first. All accepted and pending ones are
 * listed, but only the newest refused ones. Counts on the index `decisions_of_request`.
 */
export const listDecisions = async (db: Db, requestId: string) => {
  const listed = db
    .selectFrom('decisions as d')
    .leftJoin('api_keys as key', 'key.id', 'd.key_id')
    .select(['d.id', 'd.kind', 'd.outcome', 'd.refusal', 'd.state', 'd.reason'])
    .select(['key.role', 'key.owner_name', 'key.shown_id'])
    .select((eb) => eb.fn.coalesce('d.decided_at', 'd.created_at').as('at'))
    .where('d.request_id', '=', requestId);
  const [kept, refused] = await Promise.all([
    listed.where('d.outcome', '<>', 'refused').execute(),
    listed
      .where('d.outcome', '=', 'refused')
      .orderBy('d.created_at', 'desc')
      .limit(MAX_REFUSALS)
      .execute(),
  ]);
  return [...kept, ...refused].toSorted(
    (a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1),
  );
};

/** The accepted decision of a kind that a request can have only once. A mail quotes its reason. */
export const findAccepted = (db: Db, requestId: string, kind: DecisionKind) =>
  db
    .selectFrom('decisions')
    .select('reason')
    .where('request_id', '=', requestId)
    .where('kind', '=', kind)
    .where('outcome', '=', 'accepted')
    .executeTakeFirst();

/**
 * The states that accepted decisions have led a request to. Counts on the index
 * `decisions_of_request`.
 */
export const listStatesReached = async (db: Db, requestId: string): Promise<RequestState[]> => {
  const rows = await db
    .selectFrom('decisions')
    .select('state')
    .distinct()
    .where('request_id', '=', requestId)
    .where('outcome', '=', 'accepted')
    .execute();
  return rows.flatMap(({ state }) => state ?? []);
};

/**
 * People with a valid key of a role, each with the oldest such key. An admin's key must be of the
 * workspace.
 */
export const listDeciders = async (
  db: Db,
  role: 'admin' | 'platform',
  workspaceId: string,
): Promise<{ id: string; person: string }[]> =>
  db
    .selectFrom('api_keys')
    .distinctOn('person')
    .select(['id', 'person'])
    .where(isKeyValid('api_keys'))
    .where('role', '=', role)
    .$if(role === 'admin', (query) => query.where('workspace_id', '=', workspaceId))
    .orderBy('person')
    .orderBy('id')
    .execute();
