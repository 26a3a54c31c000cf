import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import type { Db } from './client.ts';
import type { Role } from './schema.ts';

/** 256 random bits. */
const KEY_BYTES = 32;

/** Keys carry 256 random bits, so a plain hash is as hard to turn back as a slow one. */
const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

export interface NewApiKey {
  role: Role;
  /** The one workspace of an admin; null for platform team and ops, who see all. */
  workspaceId: string | null;
  ownerName: string;
  ownerEmail: string;
}

/** Makes a key. Its text is in this answer and nowhere else. Needs the owner's connection. */
export const createApiKey = async (
  db: Db,
  input: NewApiKey,
): Promise<{ id: string; key: string }> => {
  const id = uuidv7();
  const key = `ks_${randomBytes(KEY_BYTES).toString('base64url')}`;
  await db
    .insertInto('api_keys')
    .values({
      id,
      role: input.role,
      workspace_id: input.workspaceId,
      owner_name: input.ownerName,
      owner_email: input.ownerEmail.trim().toLowerCase(),
      hash: hashOf(key),
    })
    .execute();
  return { id, key };
};

/** The key's row, unless it was revoked. */
export const findApiKey = (db: Db, key: string) =>
  db
    .selectFrom('api_keys')
    .select(['id', 'role', 'workspace_id', 'owner_name', 'owner_email'])
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
    .select(['id', 'role', 'workspace_id', 'owner_name', 'owner_email', 'created_at', 'revoked_at'])
    .orderBy('id')
    .execute();

/** False when there is no such key, or it was revoked before. */
export const revokeApiKey = async (db: Db, id: string): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable('api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};
