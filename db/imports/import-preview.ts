import type { PoolClient } from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { CHANGEABLE_COLUMNS } from '../../rules/changeable-properties.ts';
import { usersTableOf } from '../workspaces.ts';

/** The table that a dry run writes to instead of `users`. It lives as long as its connection. */
export const PREVIEW_TABLE = 'pg_temp.import_preview';

/**
 * The columns that a merge reads and writes. The table has no constraints or triggers except its
 * key.
 */
const COLUMNS = [
  'workspace_id',
  'user_id',
  ...CHANGEABLE_COLUMNS,
  'properties',
  'legal_hold',
  'updated_at',
];

const columnList = COLUMNS.map(escapeIdentifier).join(', ');

export const createPreview = async (client: PoolClient, workspaceId: string): Promise<void> => {
  await client.query(
    `CREATE TEMP TABLE import_preview AS SELECT ${columnList} FROM ${usersTableOf(workspaceId)} WITH NO DATA;
     ALTER TABLE ${PREVIEW_TABLE} ADD PRIMARY KEY (workspace_id, user_id)`,
  );
};

/**
 * Copies the users of the staged rows, unless an earlier chunk has copied them. Counts on the
 * primary key.
 */
export const fillPreview = async (client: PoolClient, workspaceId: string): Promise<void> => {
  await client.query(
    `INSERT INTO ${PREVIEW_TABLE} (${columnList})
     SELECT o.* FROM pg_temp.import_staging s CROSS JOIN LATERAL (
       SELECT ${columnList} FROM ${usersTableOf(workspaceId)} AS o
        WHERE o.workspace_id = ${escapeLiteral(workspaceId)} AND o.user_id = s.user_id OFFSET 0) o
     ON CONFLICT DO NOTHING`,
  );
};
