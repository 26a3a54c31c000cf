import { sql } from 'kysely';
import { hashOf, proofOf } from './api-keys.ts';
import type { Db } from './client.ts';

/** Sessions, which are identified by their secret id. The database stores only a hash of it. */

/**
 * Begins a session of the holder of a key.
 *
 * @returns the end of the session; undefined if the key is unknown, revoked or expired
 */
export const beginSession = async (
  db: Db,
  { key, sessionId }: { key: string; sessionId: string },
): Promise<Date | undefined> => {
  const { rows } = await sql<{ ends_at: Date | null }>`
    SELECT begin_session(${proofOf(key)}::bytea, ${proofOf(sessionId)}::bytea) AS ends_at`.execute(
    db,
  );
  return rows[0]?.ends_at ?? undefined;
};

/**
 * The key of a session, with the end of the session. Undefined if the session is unknown or has
 * ended. `hash` identifies the session and is not secret.
 */
export const findSession = (db: Db, sessionId: string) =>
  db
    .selectFrom('sessions')
    .innerJoin('api_keys', 'api_keys.id', 'sessions.key_id')
    .select(['api_keys.id', 'shown_id', 'role', 'workspace_id', 'owner_name', 'owner_email'])
    .select(['api_keys.expires_at', 'api_keys.last_used_at'])
    .select(['sessions.expires_at as session_expires_at'])
    .select(sql<string>`encode(sessions.hash, 'hex')`.as('session_hash'))
    .where('sessions.hash', '=', hashOf(sessionId))
    .where(sql<boolean>`is_session_live(sessions)`)
    .executeTakeFirst();

/** Ends sessions at once, on all processes. Unknown ids are ignored. */
export const endSessions = async (db: Db, sessionIds: readonly string[]): Promise<void> => {
  await sql`SELECT end_sessions(${sessionIds.map(proofOf)}::bytea[])`.execute(db);
};

/** The hashes among `hashes` whose sessions have ended. */
export const listEndedSessions = async (db: Db, hashes: readonly string[]): Promise<string[]> => {
  const { rows } = await sql<{ hash: string }>`
    SELECT given.hash FROM unnest(${[...hashes]}::text[]) AS given (hash)
     WHERE NOT EXISTS (SELECT FROM sessions s
                        WHERE s.hash = decode(given.hash, 'hex') AND is_session_live(s))`.execute(
    db,
  );
  return rows.map(({ hash }) => hash);
};

/** Deletes the rows of sessions that have ended. @returns their number */
export const eraseEndedSessions = async (db: Db): Promise<number> => {
  const { rows } = await sql<{ n: number }>`SELECT erase_ended_sessions() AS n`.execute(db);
  return rows[0]?.n ?? 0;
};
