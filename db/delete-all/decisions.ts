import { sql } from 'kysely';
import type { DecisionKind, MessageKind, Refusal, RequestState } from '../../workflows/contract.ts';
import type { Db } from '../client.ts';
import { isKeyValid } from '../key-end.ts';

export interface WrittenDecision {
  id: string;
  requestId: string;
  kind: MessageKind;
  /** Shows that the holder of the key asks for it; see `proofOf`. */
  proof: Buffer;
  reason?: string;
  previewId?: string;
  /** The run to be tried again. */
  jobId?: string;
  idempotency?: { key: string; requestHash: string };
}

/**
 * Writes down what the holder of a key wants, before it is decided. What the rules refuse already
 * is refused at once. Undefined when its idempotency key was used before.
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

/**
 * Gives a pending decision up, so that it is never carried out. False when it was decided before.
 */
export const giveUpDecision = async (db: Db, id: string): Promise<boolean> => {
  const { rows } = await sql<{ isGivenUp: boolean }>`
    SELECT give_up_decision(${id}::uuid) AS "isGivenUp"`.execute(db);
  return rows[0]?.isGivenUp ?? false;
};

export interface Decision {
  requestId: string;
  /** The run of the request's workflow that asks; null of one that none has claimed. */
  runId: string | null;
  kind: DecisionKind;
  /** The id of this try, under which it is written down where no row is named. */
  tryId: string;
  /** The row that the API wrote. */
  decisionId: string | null;
  /** Whose message it is, where no row is named and that was shown. */
  keyId: string | null;
  reason: string | null;
  /** Why it is refused whatever the rules say. */
  refusal: Refusal | null;
}

/**
 * Moves a request on by the database's rules. @returns why it was refused; null when it was
 * accepted
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
 * For so long a decision waits for an answer before its caller is told that there is none, in
 * seconds.
 */
const FRESH_SECONDS = 60;
const FRESH_LIMIT = 50;

/** Rows of a request that were written just now and wait to be decided. */
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

/** How many refusals of a request are told at most; a flood of them is not. */
const REFUSALS_TOLD = 500;

/**
 * What was tried and what came of it, oldest first, by the index `decisions_of_request`. Whatever
 * was accepted or waits is told; of what was refused, the newest.
 */
export const listDecisions = async (db: Db, requestId: string) => {
  const told = db
    .selectFrom('decisions as d')
    .leftJoin('api_keys as key', 'key.id', 'd.key_id')
    .select(['d.id', 'd.kind', 'd.outcome', 'd.refusal', 'd.state', 'd.reason'])
    .select(['key.role', 'key.owner_name', 'key.shown_id'])
    .select((eb) => eb.fn.coalesce('d.decided_at', 'd.created_at').as('at'))
    .where('d.request_id', '=', requestId);
  const [kept, refused] = await Promise.all([
    told.where('d.outcome', '<>', 'refused').execute(),
    told
      .where('d.outcome', '=', 'refused')
      .orderBy('d.created_at', 'desc')
      .limit(REFUSALS_TOLD)
      .execute(),
  ]);
  return [...kept, ...refused].toSorted(
    (a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1),
  );
};

/** The accepted decision of a kind that comes once in a request; a mail tells its words. */
export const findAccepted = (db: Db, requestId: string, kind: DecisionKind) =>
  db
    .selectFrom('decisions')
    .select('reason')
    .where('request_id', '=', requestId)
    .where('kind', '=', kind)
    .where('outcome', '=', 'accepted')
    .executeTakeFirst();

/** What accepted decisions have led a request to, by the index `decisions_of_request`. */
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

/** People with a valid key of a role, each by the oldest; an admin's is one of the workspace. */
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
