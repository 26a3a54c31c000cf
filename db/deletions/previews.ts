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
import { userJson } from '../users/user-json.ts';
import { type ListRef, requireUserList, usersOfList } from '../users/user-lists.ts';

/** Users shown of a preview at most. */
export const SAMPLE_SIZE = 100;

/**
 * Users whom the previews of lists of a workspace keep at most, about: those made at once are not
 * in the sum.
 */
export const MAX_PREVIEWED_USERS = 10_000_000;

/** How long a preview may be confirmed. */
const PREVIEW_MINUTES = 15;

export interface NewPreview {
  workspaceId: string;
  actorKeyId: string;
  /** Frozen, and with its ids when it is one of ids. */
  selection: object;
  /** What the users of the selection satisfy. */
  where: RawBuilder<SqlBool>;
  /** The delete-all request it is made for; then the selection is everyone. */
  requestId?: string;
}

/**
 * Users of a list are looked up by the preview, and kept with it: whoever has the address later is
 * not meant.
 */
export interface NewListPreview extends Omit<NewPreview, 'selection' | 'where' | 'requestId'> {
  list: ListRef;
}

/** What a preview tells beside its users, by what its selection names. */
export interface Reported {
  /** The ids that the selection consists of. */
  ids?: readonly string[] | undefined;
  /** The ids that are taken off it. */
  excluded?: Excluded | undefined;
}

/** Users who match, those of them under hold, and all there are. */
interface Counts {
  count: number;
  held: number;
  users: number;
}

const countMatches = async (trx: Trx, { workspaceId, where }: NewPreview): Promise<Counts> => {
  const { rows } = await sql<Counts>`
    SELECT count(*) AS count, count(*) FILTER (WHERE users.legal_hold) AS held,
           (SELECT count(*) FROM users WHERE workspace_id = ${workspaceId}) AS users
      FROM users WHERE users.workspace_id = ${workspaceId} AND (${where})
  `.execute(trx);
  return rows[0] ?? { count: 0, held: 0, users: 0 };
};

/**
 * Counts users by their arrival, as the rule for nearly everyone needs. Reads the whole partition.
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

/**
 * Most selections are known to be far from everyone by a bounded count; only for others is the
 * partition read once more.
 */
const refuseNearlyEveryone = async (trx: Trx, preview: NewPreview, count: number) => {
  const { workspaceId } = preview;
  if (await leavesEnoughUsers(trx, workspaceId, count)) return;
  await judgeDeletion(trx, workspaceId, await countArrivals(trx, preview));
};

/** Users as JSON text, as the API shows them elsewhere. */
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
    .executeTakeFirstOrThrow();

/**
 * Runs under one snapshot, which is read first: the row that is to hold it is newer than all it
 * knows.
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

/** @throws DatabaseError KS008 when it selects nearly everyone, and is not for a request */
const lookAndRecord = async (trx: Trx, snapshot: string, preview: NewPreview & { id: string }) => {
  const counts = await countMatches(trx, preview);
  if (preview.requestId === undefined) await refuseNearlyEveryone(trx, preview, counts.count);
  const sample = await listSample(trx, preview);
  return { ...(await insertPreview(trx, preview, { snapshot, ...counts })), sample };
};

const reportNamed = async (
  trx: Trx,
  workspaceId: string,
  { ids, excluded }: Reported,
): Promise<Partial<IdsReport & ExcludedReport>> => ({
  ...(ids !== undefined && (await reportIds(trx, workspaceId, ids))),
  ...(excluded !== undefined && (await reportExcluded(trx, workspaceId, excluded))),
});

/**
 * Looks at a selection and records what was seen, all under one snapshot.
 *
 * @throws DatabaseError KS008 when it selects nearly everyone, and is not for a request; nothing is
 *   kept then
 */
export const createPreview = (db: Db, preview: NewPreview, reported: Reported = {}) =>
  underSnapshot(db, async (trx, snapshot) => ({
    ...(await lookAndRecord(trx, snapshot, { ...preview, id: uuidv7() })),
    report: await reportNamed(trx, preview.workspaceId, reported),
  }));

/**
 * Whether the previews of lists, which are kept for an hour after their end, leave room for one
 * more.
 */
export const hasRoomForList = async (db: Db, workspaceId: string): Promise<boolean> => {
  const { kept } = await db
    .selectFrom('previews')
    .select(sql<number>`coalesce(sum(count), 0)::float8`.as('kept'))
    .where('workspace_id', '=', workspaceId)
    .where(sql<boolean>`selection->>'type' = 'list' AND NOT selection ? 'erased'
      AND expires_at > now() - interval '1 hour'`)
    .executeTakeFirstOrThrow();
  return kept < MAX_PREVIEWED_USERS;
};

/**
 * Likewise of a list. Its users are looked up once; count, sample and the rule for nearly everyone
 * go by what came of that, as the deletion will.
 *
 * @throws DatabaseError KS006 when the list is gone; KS008 as above
 */
export const createListPreview = (db: Db, { list, ...preview }: NewListPreview) =>
  underSnapshot(db, async (trx, snapshot) => {
    await requireUserList(trx, list.id);
    const id = uuidv7();
    const { numAffectedRows = 0n } = await sql`
      INSERT INTO preview_targets (preview_id, user_id)
      SELECT ${id}::uuid, user_id FROM (${usersOfList(list)}) AS named`.execute(trx);
    const selection = { type: 'list', listId: list.id, count: Number(numAffectedRows) };
    // EXISTS, because an IN that is too long to be hashed would go through all of them for each
    // user.
    const where = sql<SqlBool>`EXISTS (SELECT FROM preview_targets AS named
      WHERE named.preview_id = ${id}::uuid AND named.user_id = users.user_id)`;
    const seen = await lookAndRecord(trx, snapshot, { ...preview, id, selection, where });
    const report: ListReport = await reportList(trx, list);
    return { ...seen, report };
  });

/**
 * A preview of a workspace, and whether it may still be confirmed, by the database's clock. Those
 * made for a delete-all request, and no others, are found by naming it.
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
 * What a preview saw: how many users the workspace had then, if that was counted, and in which
 * snapshot.
 */
export const findPreviewedWorkspace = async (db: Db, id: string) =>
  db.selectFrom('previews').select(['users', 'snapshot']).where('id', '=', id).executeTakeFirst();

/** Users a workspace has. */
export const countWorkspaceUsers = async (db: Db, workspaceId: string): Promise<number> => {
  const { count } = await db
    .selectFrom('users')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirstOrThrow();
  return count;
};
