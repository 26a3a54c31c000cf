import { type RawBuilder, sql, type SqlBool } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db, Trx } from '../client.ts';
import { allowLong } from '../connections/long-statements.ts';
import { type Arrivals, judgeDeletion, leavesEnoughUsers } from './nearly-everyone.ts';
import {
  type Excluded,
  type ExcludedReport,
  type IdsReport,
  type ListReport,
  reportExcluded,
  reportIds,
  reportList,
} from './preview-report.ts';
import { BACKUP_DAYS, OF_THE_DATABASE, PREVIEW_MINUTES } from '../../rules/retention.ts';
import { userJson } from '../users/user-json.ts';
import { countTargets } from '../jobs/settlement.ts';
import { type ListRef, requireUserList, usersOfJob, usersOfList } from '../users/user-lists.ts';

/** Most users that a preview shows. */
export const SAMPLE_SIZE = 100;

/**
 * Approximate limit of the users that a workspace's list previews store. Previews that are being
 * made concurrently are not counted.
 */
export const MAX_PREVIEWED_USERS = 10_000_000;

export interface NewPreview {
  workspaceId: string;
  actorKeyId: string;
  /** Frozen. For a selection of ids, this includes the ids. */
  selection: object;
  /** The condition of the selection. */
  where: RawBuilder<SqlBool>;
  /** The delete-all request that the preview is for; the selection is then all users. */
  requestId?: string;
}

/**
 * The preview looks up the users of a list and stores them. A user that gets one of the addresses
 * later is not selected.
 */
export interface NewListPreview extends Omit<NewPreview, 'selection' | 'where' | 'requestId'> {
  list: ListRef;
}

/** The same for the users that an earlier job named. */
export interface NewPreviewOfJob extends Omit<NewListPreview, 'list'> {
  /** The list of the job, which may have been deleted; for a retry, the id of the job. */
  listId: string;
  jobId: string;
  /** The condition that these users must still satisfy. */
  where?: RawBuilder<SqlBool>;
}

/** What a preview reports in addition to its users, depending on its selection. */
export interface Reported {
  /** The ids that the selection consists of. */
  ids?: readonly string[] | undefined;
  /** The ids that the selection excludes. */
  excluded?: Excluded | undefined;
}

/** Users that match, those of them under legal hold, and all users of the workspace. */
interface Counts {
  count: number;
  held: number;
  users: number;
}

/**
 * Evaluates a selection and records the result, all under one snapshot.
 *
 * @throws DatabaseError KS008 when the selection is nearly all users and the preview is not for a
 *   request; nothing is stored then
 */
export const createPreview = (db: Db, preview: NewPreview, reported: Reported = {}) =>
  underSnapshot(db, async (trx, snapshot) => ({
    ...(await lookAndRecord(trx, snapshot, { ...preview, id: uuidv7() })),
    report: await reportNamed(trx, preview.workspaceId, reported),
  }));

/**
 * Whether the stored list previews leave room for one more. They are stored until one hour after
 * their expiry.
 */
export const hasRoomForList = async (db: Db, workspaceId: string): Promise<boolean> => {
  const { kept } = await db
    .selectFrom('previews')
    .select(sql<number>`coalesce(sum(count), 0)::float8`.as('kept'))
    .where('workspace_id', '=', workspaceId)
    .where(sql<boolean>`selection->>'type' = 'list' AND NOT selection ? 'erased'
      AND expires_at > now() - make_interval(hours => ${OF_THE_DATABASE.previewedUsersHours})`)
    .executeTakeFirstOrThrow();
  return kept < MAX_PREVIEWED_USERS;
};

/**
 * Like `createPreview`, for a list. Its users are looked up once. The count, the sample and the
 * nearly-everyone rule use the stored users, as the deletion will.
 *
 * @throws DatabaseError KS006 when the list does not exist any more; KS008 as for `createPreview`
 */
export const createListPreview = (db: Db, { list, ...preview }: NewListPreview) =>
  underSnapshot(db, async (trx, snapshot) => {
    await requireUserList(trx, list.id);
    const named = { listId: list.id, users: usersOfList(list) };
    const seen = await lookUpNamed(trx, snapshot, preview, named);
    const report: ListReport = await reportList(trx, list);
    return { ...seen, report };
  });

/**
 * Like `createListPreview`, for the users of an earlier job that still exist and match. The report
 * counts the others.
 *
 * @throws DatabaseError KS008 as for `createPreview`
 */
export const createPreviewOfJob = (
  db: Db,
  { listId, jobId, where = sql<SqlBool>`true`, ...preview }: NewPreviewOfJob,
) =>
  underSnapshot(db, async (trx, snapshot) => {
    const named = { listId, users: usersOfJob(jobId, preview.workspaceId, where) };
    const seen = await lookUpNamed(trx, snapshot, preview, named);
    return { ...seen, report: { notFound: (await countTargets(trx, jobId, 1)) - seen.count } };
  });

/**
 * A preview of a workspace, and whether it has expired, by the database's clock. A preview for a
 * delete-all request is found only with that request's id.
 */
export const findPreview = (
  db: Db,
  id: string,
  workspaceId: string,
  requestId: string | null = null,
) =>
  db
    .selectFrom('previews')
    .select(['id', 'selection', 'count', 'held', 'expires_at'])
    .select(sql<boolean>`expires_at <= now()`.as('is_expired'))
    .where('id', '=', id)
    .where('workspace_id', '=', workspaceId)
    .where('request_id', 'is not distinct from', requestId)
    .executeTakeFirst();

/**
 * The number of users that the workspace had at the preview, if counted, and the preview's
 * snapshot.
 */
export const findPreviewedWorkspace = async (db: Db, id: string) =>
  db.selectFrom('previews').select(['users', 'snapshot']).where('id', '=', id).executeTakeFirst();

/** Number of users in a workspace. */
export const countWorkspaceUsers = async (db: Db, workspaceId: string): Promise<number> => {
  const { count } = await db
    .selectFrom('users')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirstOrThrow();
  return count;
};

/**
 * Runs `look` in a transaction under one snapshot, which is read first. So the row that stores the
 * snapshot is written by a transaction later than the snapshot.
 */
const underSnapshot = <T>(db: Db, look: (trx: Trx, snapshot: string) => Promise<T>): Promise<T> =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      // A utility statement, which takes no snapshot.
      await allowLong(trx);
      const { rows } = await sql<{
        snapshot: string;
      }>`SELECT pg_current_snapshot()::text AS snapshot`.execute(trx);
      return look(trx, rows[0]?.snapshot ?? '');
    });

/**
 * @throws DatabaseError KS008 when the selection is nearly all users and the preview is not for a
 *   request
 */
const lookAndRecord = async (trx: Trx, snapshot: string, preview: NewPreview & { id: string }) => {
  const counts = await countMatches(trx, preview);
  if (preview.requestId === undefined) await refuseNearlyEveryone(trx, preview, counts.count);
  const sample = await listSample(trx, preview);
  return { ...(await insertPreview(trx, preview, { snapshot, ...counts })), sample };
};

/** Stores users by their ids, and a preview of exactly these users. */
const lookUpNamed = async (
  trx: Trx,
  snapshot: string,
  preview: Omit<NewListPreview, 'list'>,
  { listId, users }: { listId: string; users: RawBuilder<unknown> },
) => {
  const id = uuidv7();
  const { numAffectedRows = 0n } = await sql`
    INSERT INTO preview_targets (preview_id, user_id)
    SELECT ${id}::uuid, user_id FROM (${users}) AS named`.execute(trx);
  const selection = { type: 'list', listId, count: Number(numAffectedRows) };
  // EXISTS, not IN: PostgreSQL would scan an IN list that is too long to be hashed for each user.
  const where = sql<SqlBool>`EXISTS (SELECT FROM preview_targets AS named
    WHERE named.preview_id = ${id}::uuid AND named.user_id = users.user_id COLLATE "C")`;
  return {
    ...(await lookAndRecord(trx, snapshot, { ...preview, id, selection, where })),
    selection,
  };
};

const countMatches = async (trx: Trx, { workspaceId, where }: NewPreview): Promise<Counts> => {
  const { rows } = await sql<Counts>`
    SELECT count(*) AS count, count(*) FILTER (WHERE users.legal_hold) AS held,
           (SELECT count(*) FROM users WHERE workspace_id = ${workspaceId}) AS users
      FROM users WHERE users.workspace_id = ${workspaceId} AND (${where})
  `.execute(trx);
  return rows[0] ?? { count: 0, held: 0, users: 0 };
};

/**
 * A bounded count is enough for most selections. Only if it cannot decide is the whole partition
 * read once more.
 *
 * @throws DatabaseError KS008
 */
const refuseNearlyEveryone = async (trx: Trx, preview: NewPreview, count: number) => {
  const { workspaceId } = preview;
  if (await leavesEnoughUsers(trx, workspaceId, count)) return;
  await judgeDeletion(trx, workspaceId, await countArrivals(trx, preview));
};

/**
 * Counts users by their time of arrival, for the nearly-everyone rule. Reads the whole partition.
 */
const countArrivals = async (trx: Trx, { workspaceId, where }: NewPreview): Promise<Arrivals> => {
  const { rows } = await sql<Arrivals>`
    WITH moments AS MATERIALIZED (SELECT deletion_moments(${workspaceId}) AS list
    ), late AS MATERIALIZED (SELECT * FROM late_returns WHERE workspace_id = ${workspaceId}
    ), seen AS (
      SELECT width_bucket(coalesce(late.returned_at, users.created_at),
                          (SELECT list FROM moments)) AS bucket,
             count(*) AS users, count(*) FILTER (WHERE users.is_match OR users.ctid IN (
               SELECT unnest(tids[cursor + 1 :]) FROM running_deletion_parts
                WHERE workspace_id = ${workspaceId} AND rows_left > 0)) AS going
        FROM (SELECT ctid, created_at, inserted_in, (${where}) AS is_match
                FROM users WHERE users.workspace_id = ${workspaceId}) AS users
        LEFT JOIN late ON late.inserted_in = users.inserted_in
       GROUP BY bucket
    )
    SELECT (SELECT list::text FROM moments) AS moments,
           coalesce(array_agg(bucket), '{}') AS buckets,
           coalesce(array_agg(users::float8), '{}') AS there,
           coalesce(array_agg(going::float8), '{}') AS going
      FROM seen`.execute(trx);
  const [seen] = rows;
  if (seen === undefined) throw new Error('an aggregate has one row');
  return seen;
};

/** Users as JSON text, in the API's format for users. */
const listSample = async (trx: Trx, { workspaceId, where }: NewPreview): Promise<string[]> => {
  const rows = await trx
    .selectFrom('users')
    .select(userJson.as('json'))
    .where('workspace_id', '=', workspaceId)
    .where(where)
    .orderBy('user_id')
    .limit(SAMPLE_SIZE)
    .execute();
  return rows.map(({ json }) => json);
};

const insertPreview = (
  trx: Trx,
  preview: NewPreview & { id: string },
  seen: Counts & { snapshot: string },
) =>
  trx
    .insertInto('previews')
    .values({
      id: preview.id,
      workspace_id: preview.workspaceId,
      actor_key_id: preview.actorKeyId,
      selection: JSON.stringify(preview.selection),
      count: seen.count,
      held: seen.held,
      users: seen.users,
      snapshot: seen.snapshot,
      request_id: preview.requestId ?? null,
      expires_at: sql<Date>`now() + make_interval(mins => ${PREVIEW_MINUTES})`,
    })
    .returning(['id', 'count', 'held', 'expires_at'])
    .returning(sql<Date>`now() + make_interval(days => ${BACKUP_DAYS})`.as('restorable_until'))
    .executeTakeFirstOrThrow();

const reportNamed = async (
  trx: Trx,
  workspaceId: string,
  { ids, excluded }: Reported,
): Promise<Partial<IdsReport & ExcludedReport>> => ({
  ...(ids !== undefined && (await reportIds(trx, workspaceId, ids))),
  ...(excluded !== undefined && (await reportExcluded(trx, workspaceId, excluded))),
});
