import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db } from './client.ts';
import type { Role } from './schema.ts';

/** 256 random bits. */
const KEY_BYTES = 32;

const sha256 = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();

/**
 * What the database takes for the holder of a key. It stores the hash of it, which proves nothing. Keys
 * carry 256 random bits, so a plain hash is as hard to turn back as a slow one.
 */
export const proofOf = (key: string): Buffer => sha256(key);
const hashOf = (key: string): Buffer => sha256(proofOf(key));

export interface NewApiKey {
  role: Role;
  /** The one workspace of an admin; null for platform team and ops, who see all. */
  workspaceId: string | null;
  ownerName: string;
  ownerEmail: string;
}

/** Visible ASCII around one at-sign. Letters of other scripts look alike and would be somebody else's. */
const ADDRESS = /^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/;

/**
 * Makes a key. Its text is in this answer and nowhere else. Needs the owner's connection.
 *
 * @throws Error when the mail address holds other characters than visible ASCII
 */
export const createApiKey = async (
  db: Db,
  input: NewApiKey,
): Promise<{ id: string; shownId: string; key: string }> => {
  const ownerEmail = input.ownerEmail.trim().toLowerCase();
  if (!ADDRESS.test(ownerEmail)) {
    throw new Error(
      `The mail address ${JSON.stringify(ownerEmail)} is not of ASCII characters: write it so.`,
    );
  }
  const id = uuidv7();
  const key = `ks_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const { shown_id: shownId } = await db
    .insertInto('api_keys')
    .values({
      id,
      role: input.role,
      workspace_id: input.workspaceId,
      owner_name: input.ownerName,
      owner_email: ownerEmail,
      hash: hashOf(key),
    })
    .returning('shown_id')
    .executeTakeFirstOrThrow();
  return { id, shownId, key };
};

/** The key's row, unless it was revoked. */
export const findApiKey = (db: Db, key: string) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'shown_id', 'role', 'workspace_id', 'owner_name', 'owner_email'])
    .where('hash', '=', hashOf(key))
    .where('revoked_at', 'is', null)
    .executeTakeFirst();

/** Which of these keys were revoked. */
export const listRevoked = async (db: Db, ids: readonly string[]): Promise<string[]> => {
  const rows = await db
    .selectFrom('api_keys')
    .select('id')
    .where('id', 'in', [...ids])
    .where('revoked_at', 'is not', null)
    .execute();
  return rows.map(({ id }) => id);
};

/** All keys, oldest first, without their hashes. */
export const listApiKeys = (db: Db) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'shown_id', 'role', 'workspace_id', 'owner_name', 'owner_email'])
    .select(['created_at', 'revoked_at'])
    .orderBy('id')
    .execute();

/** Takes the id of a key, or the one that people are shown. False when there is none, or it was revoked before. */
export const revokeApiKey = async (db: Db, id: string): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where((eb) => eb.or([eb('id', '=', id), eb('shown_id', '=', id)]))
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};
