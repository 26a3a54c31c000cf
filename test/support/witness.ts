import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { from as copyFrom } from 'pg-copy-streams';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { partKey } from '../../storage/part-key.ts';
import type { Database } from '../../db/client.ts';

/** Keeps the text of every row that is deleted, by whomever. Made before a trial, in test databases only. */
export const addWitness = async ({ pool }: Database, workspaceId: string): Promise<void> => {
  await pool.query(`
    CREATE TABLE IF NOT EXISTS witness (workspace_id text, user_id text, row text);
    CREATE OR REPLACE FUNCTION witness_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO witness VALUES (OLD.workspace_id, OLD.user_id, OLD::text); RETURN NULL; END $$;
    CREATE TRIGGER witness AFTER DELETE ON "users_${workspaceId}"
      FOR EACH ROW EXECUTE FUNCTION witness_user()`);
};

/** Every byte of an export's rows, without the header. */
const readBackup = async (
  owner: Database,
  storageDir: string,
  exportId: string,
): Promise<Buffer> => {
  const { rows } = await owner.pool.query<{ attempt: number; part: number }>(
    `SELECT p.attempt, p.part FROM export_parts p JOIN exports e
        ON e.id = p.export_id AND e.attempt = p.attempt
      WHERE e.id = $1 AND p.part > 0 ORDER BY p.part`,
    [exportId],
  );
  const files = rows.map((row) =>
    readFile(join(storageDir, partKey({ exportId, ...row, compression: 'gzip' }))),
  );
  return Buffer.concat((await Promise.all(files)).map((file) => gunzipSync(file)));
};

/**
 * Rows that were deleted in a version no backup of the job holds: loads the backups into tables like
 * `users` and compares PostgreSQL's own text of each row, byte for byte.
 */
export const deletedOutsideBackup = async (
  owner: Database,
  storageDir: string,
  workspaceId: string,
): Promise<string[]> => {
  const client = await owner.pool.connect();
  try {
    const { rows: backups } = await client.query<{ id: string }>(
      `SELECT id FROM exports WHERE workspace_id = $1 AND state = 'verified' AND purpose = 'backup'`,
      [workspaceId],
    );
    await client.query(
      `CREATE TEMP TABLE loaded (LIKE public."users_${workspaceId}") ON COMMIT PRESERVE ROWS`,
    );
    for (const { id } of backups) {
      const bytes = await readBackup(owner, storageDir, id);
      const copy = client.query(copyFrom('COPY loaded FROM STDIN (FORMAT csv)'));
      await pipeline(Readable.from([bytes]), copy);
    }
    const { rows } = await client.query<{ user_id: string }>(
      `SELECT w.user_id FROM witness w WHERE w.workspace_id = $1
          AND NOT EXISTS (SELECT FROM loaded l WHERE l.user_id = w.user_id AND l::text = w.row)`,
      [workspaceId],
    );
    await client.query('DROP TABLE loaded');
    return rows.map((row) => row.user_id);
  } finally {
    client.release();
  }
};
