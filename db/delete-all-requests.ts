import { sql } from 'kysely';
import type { RequestState, RequestView } from '../workflows/contract.ts';
import { recordActivity } from './activity.ts';
import type { Db, Trx } from './client.ts';

export interface NewRequest {
  id: string;
  workspaceId: string;
  requesterKeyId: string;
  reason: string;
  ticket?: string;
  usersThen: number;
  idempotency?: { key: string; requestHash: string };
}

/**
 * Writes a request and its line in the activity log. False when the workspace has an unfinished one,
 * or its idempotency key belongs to one already; nothing is written then.
 */
export const insertRequest = (db: Db, request: NewRequest): Promise<boolean> =>
  db.transaction().execute(async (trx) => {
    const inserted = await trx
      .insertInto('delete_all_requests')
      .values({
        id: request.id,
        workspace_id: request.workspaceId,
        requester_key_id: request.requesterKeyId,
        reason: request.reason,
        ticket: request.ticket ?? null,
        users_then: request.usersThen,
        idempotency_key: request.idempotency?.key ?? null,
        request_hash: request.idempotency?.requestHash ?? null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted === undefined) return false;
    await recordActivity(trx, {
      workspaceId: request.workspaceId,
      kind: 'deleteAllAsked',
      actorKeyId: request.requesterKeyId,
      requestId: request.id,
      reason: request.reason,
      counts: { users: request.usersThen },
    });
    return true;
  });

/** Requests as the API tells of them, with who asked, and whether a window of theirs is not over. */
const requestRows = (db: Db) =>
  db
    .selectFrom('delete_all_requests as r')
    .innerJoin('api_keys as requester', 'requester.id', 'r.requester_key_id')
    .selectAll('r')
    .select([
      'requester.role as requester_role',
      'requester.owner_name as requester_name',
      sql<boolean>`coalesce(r.closes_at > now(), false)`.as('is_in_window'),
    ]);

export type RequestRow = Awaited<
  ReturnType<ReturnType<typeof requestRows>['executeTakeFirstOrThrow']>
>;

/** A request by its id; of one workspace, or of any when that is null. */
export const findRequest = (db: Db, id: string, workspaceId: string | null) =>
  requestRows(db)
    .where('r.id', '=', id)
    .$if(workspaceId !== null, (query) => query.where('r.workspace_id', '=', workspaceId ?? ''))
    .executeTakeFirst();

export const findRequestByKey = (db: Db, workspaceId: string, key: string) =>
  requestRows(db)
    .where('r.workspace_id', '=', workspaceId)
    .where('r.idempotency_key', '=', key)
    .executeTakeFirst();

/** The one of a workspace that has not ended, by its partial unique index. */
export const findUnfinishedRequest = (db: Db, workspaceId: string) =>
  requestRows(db)
    .where('r.workspace_id', '=', workspaceId)
    .where('r.finished_at', 'is', null)
    .executeTakeFirst();

export interface RequestPage {
  /** Null for all. */
  workspaceId: string | null;
  state?: RequestState | undefined;
  /** Only requests older than this one. */
  beforeId?: string | undefined;
  limit: number;
}

/** Requests, newest first, by the index `delete_all_newest`. */
export const listRequests = (db: Db, { workspaceId, state, beforeId, limit }: RequestPage) => {
  let query = requestRows(db);
  if (workspaceId !== null) query = query.where('r.workspace_id', '=', workspaceId);
  if (state !== undefined) query = query.where('r.state', '=', state);
  if (beforeId !== undefined) {
    query = query.where(
      sql<boolean>`(r.created_at, r.id) <
        (SELECT created_at, id FROM delete_all_requests WHERE id = ${beforeId})`,
    );
  }
  return query.orderBy('r.created_at', 'desc').orderBy('r.id', 'desc').limit(limit).execute();
};

/** Holds a request's row until the transaction ends; one decision at a time. */
export const lockRequest = (trx: Trx, id: string) =>
  trx
    .selectFrom('delete_all_requests as r')
    .innerJoin('api_keys as requester', 'requester.id', 'r.requester_key_id')
    .selectAll('r')
    .select('requester.owner_email as requester_person')
    .where('r.id', '=', id)
    .forNoKeyUpdate('r')
    .executeTakeFirst();

export type LockedRequest = NonNullable<Awaited<ReturnType<typeof lockRequest>>>;

/** Of times that the first claim sets; a request without them has no workflow yet. */
const millis = (at: Date | null): number => at?.getTime() ?? 0;

export const viewOf = (
  row: Pick<
    RequestRow,
    'workspace_id' | 'state' | 'asked_at' | 'lapses_at' | 'closes_at' | 'job_id'
  >,
): RequestView => ({
  workspaceId: row.workspace_id,
  state: row.state,
  askedAt: millis(row.asked_at),
  lapsesAt: millis(row.lapses_at),
  closesAt: row.closes_at?.getTime() ?? null,
  jobId: row.job_id,
});

/** Notes the run that tells of a request; the first sets from when on it lapses. */
export const claimRequest = async (
  db: Db,
  claim: { requestId: string; runId: string; askedAt: Date; lapsesAt: Date },
): Promise<RequestView | undefined> => {
  await db
    .updateTable('delete_all_requests')
    .set({
      run_id: claim.runId,
      asked_at: sql<Date>`coalesce(asked_at, ${claim.askedAt}::timestamptz)`,
      lapses_at: sql<Date>`coalesce(lapses_at, ${claim.lapsesAt}::timestamptz)`,
    })
    .where('id', '=', claim.requestId)
    .where('finished_at', 'is', null)
    .execute();
  const row = await db
    .selectFrom('delete_all_requests')
    .selectAll()
    .where('id', '=', claim.requestId)
    .executeTakeFirst();
  return row && viewOf(row);
};

/** Unfinished requests older than so many seconds: what the sweep looks after. */
export const listStaleRequests = (db: Db, seconds: number, limit: number) =>
  db
    .selectFrom('delete_all_requests')
    .select(['id', 'workspace_id', 'state', 'run_id', 'job_id'])
    .where('finished_at', 'is', null)
    .where('created_at', '<', sql<Date>`now() - make_interval(secs => ${seconds})`)
    .orderBy('created_at')
    .limit(limit)
    .execute();
