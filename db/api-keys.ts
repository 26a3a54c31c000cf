import { createHash, randomBytes } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db } from './client.ts';
import { isKeyValid } from './key-end.ts';
import type { Role } from './schema.ts';

/** 256 bits of random data. */
const KEY_BYTES = 32;

export interface NewApiKey {
  role: Role;
  /**
   * The one workspace of an admin. Null for the platform team and ops, which see all workspaces.
   */
  workspaceId: string | null;
  ownerName: string;
  ownerEmail: string;
  /**
   * The expiry: a timestamp (RFC 3339), or a number of seconds after creation. Without a value, the
   * key never expires.
   */
  expires?: { at: string } | { inSeconds: number };
}

type Expiry = NonNullable<NewApiKey['expires']>;

/**
 * Visible ASCII around one at-sign. Letters of other scripts can look the same but name another
 * mailbox.
 */
const ADDRESS = /^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/;

const REVOKE_LOCK_TIMEOUT = '10s';
const LOCK_NOT_AVAILABLE = '55P03';

/** The constraint that a key expires after its creation. */
const ENDS_AFTER_IT_BEGAN = 'ends_after_it_began';

/**
 * The proof that the database accepts for the holder of a key, or of the secret id of a session.
 * The database stores the hash of the proof, so a stored value cannot serve as a proof. A plain
 * hash is enough: keys and session ids have 256 random bits and cannot be guessed.
 */
export const proofOf = (secret: string): Buffer => sha256(secret);

/**
 * What the database stores of a key, or of the secret id of a session. A search by it leaves no
 * proof in PostgreSQL's log.
 */
export const hashOf = (secret: string): Buffer => sha256(proofOf(secret));

/**
 * Makes a key. The text of the key is in this result only. Needs the owner's connection. A trigger
 * writes the line in the activity log.
 *
 * @throws Error when the email address is not visible ASCII, or the expiry is in the past
 */
export const createApiKey = async (
  db: Db,
  input: NewApiKey,
): Promise<{ id: string; shownId: string; key: string; expiresAt: Date | null }> => {
  const ownerEmail = input.ownerEmail.trim().toLowerCase();
  if (!ADDRESS.test(ownerEmail)) {
    throw new Error(
      `The email address ${JSON.stringify(ownerEmail)} is not of ASCII characters: write it so.`,
    );
  }
  const id = uuidv7();
  const key = `ks_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const made = await db
    .insertInto('api_keys')
    .values({
      id,
      role: input.role,
      workspace_id: input.workspaceId,
      owner_name: input.ownerName,
      owner_email: ownerEmail,
      hash: hashOf(key),
      expires_at: input.expires === undefined ? null : endOf(input.expires),
    })
    .returning(['shown_id', 'expires_at'])
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if ((error as { constraint?: string }).constraint !== ENDS_AFTER_IT_BEGAN) throw error;
      throw new Error('The key would end before it begins: choose a later time.', { cause: error });
    });
  return { id, shownId: made.shown_id, key, expiresAt: made.expires_at };
};

/** The key's row. Undefined if the key was revoked or has expired. */
export const findApiKey = (db: Db, key: string) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'shown_id', 'role', 'workspace_id', 'owner_name', 'owner_email'])
    .select(['expires_at', 'last_used_at'])
    .where('hash', '=', hashOf(key))
    .where(isKeyValid('api_keys'))
    .executeTakeFirst();

/**
 * Records the last use of the key that a proof belongs to, and of the session if it is the proof of
 * a session: each at most once a minute. Does not wait for a lock on a row.
 */
export const noteKeyUse = async (db: Db, proof: Buffer): Promise<void> => {
  await sql`SELECT note_key_use(${proof}::bytea)`.execute(db);
};

/** The ids among `ids` whose keys were revoked or have expired. */
export const listEnded = async (db: Db, ids: readonly string[]): Promise<string[]> => {
  const rows = await db
    .selectFrom('api_keys')
    .select('id')
    .where('id', 'in', [...ids])
    .where((eb) => eb.not(isKeyValid('api_keys')))
    .execute();
  return rows.map(({ id }) => id);
};

/** All keys, oldest first, without their hashes. */
export const listApiKeys = (db: Db) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'shown_id', 'role', 'workspace_id', 'owner_name', 'owner_email'])
    .select(['created_at', 'expires_at', 'last_used_at', 'revoked_at'])
    .orderBy('id')
    .execute();

/**
 * Revokes a key by its id or its public id (`shown_id`). False if no such key exists, or the key
 * was revoked before.
 *
 * @throws Error if another connection holds the row of the key for ten seconds
 */
export const revokeApiKey = async (db: Db, id: string): Promise<boolean> =>
  db.transaction().execute(async (transaction) => {
    await sql`SET LOCAL lock_timeout = ${sql.lit(REVOKE_LOCK_TIMEOUT)}`.execute(transaction);
    const { numUpdatedRows } = await transaction
      .updateTable('api_keys')
      .set({ revoked_at: sql<Date>`now()` })
      .where((eb) => eb.or([eb('id', '=', id), eb('shown_id', '=', id)]))
      .where('revoked_at', 'is', null)
      .executeTakeFirst()
      .catch((error: unknown) => {
        if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
        throw new Error(
          `Key ${id} was not revoked: for ${REVOKE_LOCK_TIMEOUT} another connection has held its row. Find ` +
            "it in pg_stat_activity (state 'idle in transaction'), end it with " +
            'pg_terminate_backend(pid), then revoke the key again.',
          { cause: error },
        );
      });
    return numUpdatedRows > 0n;
  });

const sha256 = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();

const endOf = (expires: Expiry): RawBuilder<Date> =>
  'at' in expires
    ? sql`${expires.at}::timestamptz`
    : sql`now() + make_interval(secs => ${expires.inSeconds})`;
