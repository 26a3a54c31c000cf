import { sql } from 'kysely';
import type { RequestState, RequestView } from '../../workflows/contracts/delete-all.ts';
import type { Db } from '../client.ts';
import { reminderTimes } from './delete-all-settings.ts';

export interface NewRequest {
  id: string;
  /**
   * Proves that the holder of an admin's key sends the request; see `proofOf`. The workspace is the
   * key's.
   */
  proof: Buffer;
  reason: string;
  ticket?: string;
  idempotency?: { key: string; requestHash: string };
}

export type RequestRow = Awaited<
  ReturnType<ReturnType<typeof requestRows>['executeTakeFirstOrThrow']>
>;

export interface RequestPage {
  /** Null for all workspaces. */
  workspaceId: string | null;
  /** Only requests in one of these states. */
  states?: readonly RequestState[] | undefined;
  /** Only requests older than this request. */
  beforeId?: string | undefined;
  limit: number;
}

/**
 * Records a request and its line in the activity log. False if the workspace has an unfinished
 * request, or the idempotency key belongs to another request; nothing is written then.
 */
export const askToDeleteAll = async (db: Db, request: NewRequest): Promise<boolean> => {
  const { id, proof, reason, ticket, idempotency } = request;
  const { rows } = await sql<{ isWritten: boolean }>`
    SELECT ask_to_delete_all(${proof}::bytea, ${id}::uuid, ${reason}::text, ${ticket ?? null}::text,
      ${idempotency?.key ?? null}::text, ${idempotency?.requestHash ?? null}::text) AS "isWritten"`.execute(
    db,
  );
  return rows[0]?.isWritten ?? false;
};

/** A request by its id, in one workspace, or in any if `workspaceId` is null. */
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

/** The workspace's request that has not ended. Counts on its partial unique index. */
export const findUnfinishedRequest = (db: Db, workspaceId: string) =>
  requestRows(db)
    .where('r.workspace_id', '=', workspaceId)
    .where('r.finished_at', 'is', null)
    .executeTakeFirst();

/** Requests, newest first. Counts on the index `delete_all_newest`. */
export const listRequests = (db: Db, { workspaceId, states, beforeId, limit }: RequestPage) => {
  let query = requestRows(db);
  if (workspaceId !== null) query = query.where('r.workspace_id', '=', workspaceId);
  if (states !== undefined) query = query.where('r.state', 'in', [...states]);
  if (beforeId !== undefined) {
    query = query.where(
      sql<boolean>`(r.created_at, r.id) <
        (SELECT created_at, id FROM delete_all_requests WHERE id = ${beforeId})`,
    );
  }
  return query.orderBy('r.created_at', 'desc').orderBy('r.id', 'desc').limit(limit).execute();
};

/** The state of a request for its workflow; undefined if the request does not exist. */
export const findRequestView = async (db: Db, id: string): Promise<RequestView | undefined> => {
  const row = await db
    .selectFrom('delete_all_requests as r')
    .selectAll('r')
    .select(reminderTimes.as('times'))
    .where('r.id', '=', id)
    .executeTakeFirst();
  return (
    row && {
      workspaceId: row.workspace_id,
      state: row.state,
      askedAt: row.asked_at.getTime(),
      lapsesAt: row.lapses_at.getTime(),
      closesAt: row.closes_at?.getTime() ?? null,
      jobId: row.job_id,
      times: row.times,
    }
  );
};

export const findRequestWorkspace = async (db: Db, id: string): Promise<string | undefined> =>
  (await findRequestView(db, id))?.workspaceId;

/** Makes a run of the request's workflow the deciding one. False if the request does not exist. */
export const claimRequest = async (db: Db, requestId: string, runId: string): Promise<boolean> => {
  const { rows } = await sql<{ isThere: boolean }>`
    SELECT claim_request(${requestId}::uuid, ${runId}::text) AS "isThere"`.execute(db);
  return rows[0]?.isThere ?? false;
};

/** Unfinished requests older than `seconds`, for the sweep. */
export const listStaleRequests = (db: Db, seconds: number, limit: number) =>
  db
    .selectFrom('delete_all_requests')
    .select(['id', 'workspace_id', 'state', 'run_id', 'job_id'])
    .where('finished_at', 'is', null)
    .where('created_at', '<', sql<Date>`now() - make_interval(secs => ${seconds})`)
    .orderBy('created_at')
    .limit(limit)
    .execute();

/**
 * Requests with their workspace and requester. `is_in_window`: the window has not closed yet.
 * `is_too_late`: the time for an answer has passed.
 */
const requestRows = (db: Db) =>
  db
    .selectFrom('delete_all_requests as r')
    .innerJoin('api_keys as requester', 'requester.id', 'r.requester_key_id')
    .innerJoin('workspaces as workspace', 'workspace.id', 'r.workspace_id')
    .selectAll('r')
    .select([
      'workspace.name as workspace_name',
      'requester.role as requester_role',
      'requester.owner_name as requester_name',
      'requester.shown_id as requester_shown_id',
      'requester.person as requester_person',
      sql<boolean>`coalesce(r.closes_at > now(), false)`.as('is_in_window'),
      sql<boolean>`r.lapses_at <= now()`.as('is_too_late'),
    ]);
