import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompress } from '@cloudpss/zstd/napi';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Database } from '../../../db/client.ts';
import type { Compression } from '../../../db/schema.ts';
import { partKey } from '../../../files/part-key.ts';

/**
 * Records the text of every deleted row, and the role that deleted it. Keepsake never acts as the
 * owner, so deletions by the owner are those of the test. Must be added before a trial, in test
 * databases only.
 */
export const addWitness = async ({ pool }: Database, workspaceId: string): Promise<void> => {
  await pool.query(`
    CREATE TABLE IF NOT EXISTS witness
      (workspace_id text, user_id text, row text, deleted_by name DEFAULT current_user);
    GRANT INSERT ON witness TO PUBLIC;
    CREATE OR REPLACE FUNCTION witness_user() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.witness VALUES (OLD.workspace_id, OLD.user_id, OLD::text); RETURN NULL; END $$;
    CREATE TRIGGER witness AFTER DELETE ON "users_${workspaceId}"
      FOR EACH ROW EXECUTE FUNCTION witness_user()`);
};

/**
 * Users that a role other than the owner deleted, in a version that is not, byte for byte, in the
 * backup whose batch lists them.
 */
export const deletedOutsideBackup = async (
  owner: Database,
  storageDir: string,
  workspaceId: string,
): Promise<string[]> => {
  const client = await owner.pool.connect();
  try {
    await client.query('BEGIN');
    await loadBackups(client, storageDir, workspaceId);
    const { rows } = await client.query<{ user_id: string }>(
      `WITH gone AS (SELECT export_id, unnest(deleted_ids) AS user_id FROM deletion_batches)
       SELECT user_id FROM (
         SELECT user_id, row FROM witness WHERE workspace_id = $1 AND deleted_by <> current_user
         EXCEPT ALL SELECT user_id, row FROM backed_up JOIN gone USING (export_id, user_id)) AS unsaved`,
      [workspaceId],
    );
    return rows.map((row) => row.user_id);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
};

/**
 * Loads the verified backups into tables like `users`, to get PostgreSQL's own text of each row.
 */
const loadBackups = async (client: PoolClient, storageDir: string, workspaceId: string) => {
  const { rows: backups } = await client.query<{ id: string }>(
    `SELECT id FROM exports WHERE workspace_id = $1 AND state = 'verified' AND purpose = 'backup'`,
    [workspaceId],
  );
  await client.query(`
    CREATE TEMP TABLE loaded (LIKE public."users_${workspaceId}");
    CREATE TEMP TABLE backed_up (export_id uuid, user_id text, row text)`);
  for (const { id } of backups) {
    const bytes = await readBackup(client, storageDir, id);
    const copy = client.query(copyFrom('COPY loaded FROM STDIN (FORMAT csv)'));
    await pipeline(Readable.from([bytes]), copy);
    await client.query('INSERT INTO backed_up SELECT $1::uuid, user_id, l::text FROM loaded l', [
      id,
    ]);
    await client.query('TRUNCATE loaded');
  }
};

/** The bytes of an export's rows, without the header. */
const readBackup = async (
  client: PoolClient,
  storageDir: string,
  exportId: string,
): Promise<Buffer> => {
  const { rows } = await client.query<{ attempt: number; part: number; compression: Compression }>(
    `SELECT p.attempt, p.part, e.compression FROM export_parts p JOIN exports e
        ON e.id = p.export_id AND e.attempt = p.attempt
      WHERE e.id = $1 AND p.part > 0 ORDER BY p.part`,
    [exportId],
  );
  const files = rows.map(async (row) => {
    const bytes = await readFile(join(storageDir, partKey({ exportId, ...row })));
    return row.compression === 'zstd' ? decompress(bytes) : bytes;
  });
  return Buffer.concat(await Promise.all(files));
};
