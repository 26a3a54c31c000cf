import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { Pool } from 'pg';

/** Users a page holds: a step of some 100 ms, and a list of ids that a checkpoint takes. */
const PAGE_ROWS = 10_000;
const GZIP_LEVEL = 1;

/** What to back up and delete, in words of SQL. */
export interface PagedDeletion {
  workspaceId: string;
  condition: string;
  /** Where the pages of the backup go. */
  folder: string;
}

/** Values stay the text PostgreSQL sends: parsing them would cost time, and digits. */
const asText = { getTypeParser: () => (text: string | Buffer) => text };

const toField = (value: string | null): string => {
  if (value === null) return '';
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};

const toCsv = (rows: (string | null)[][]): string =>
  rows.map((row) => `${row.map(toField).join(',')}\n`).join('');

/**
 * Backs users up and deletes them as one would with DBOS: a step reads a page of rows by key,
 * writes it as a compressed file of its own and remembers its ids; further steps delete by these
 * ids. Each step may run again. Nothing is read back, and a user changed in between is deleted all
 * the same.
 */
export const createPagedDeletion = (databaseUrl: string) => {
  const pool = new Pool({ connectionString: databaseUrl });

  const backUpPage = async (job: PagedDeletion, page: number, after: string): Promise<string[]> => {
    const { rows, fields } = await pool.query<(string | null)[]>({
      text: `SELECT * FROM users WHERE workspace_id = $1 AND user_id > $2 AND (${job.condition})
              ORDER BY user_id LIMIT ${PAGE_ROWS}`,
      values: [job.workspaceId, after],
      rowMode: 'array',
      types: asText,
    });
    const packed = await promisify(gzip)(toCsv(rows), { level: GZIP_LEVEL });
    await writeFile(join(job.folder, `${page}.csv.gz`), packed, { flush: true });
    const id = fields.findIndex(({ name }) => name === 'user_id');
    return rows.map((row) => row[id] ?? '');
  };

  const deletePage = async (job: PagedDeletion, ids: string[]): Promise<number> => {
    const { rowCount } = await pool.query(
      'DELETE FROM users WHERE workspace_id = $1 AND user_id = ANY ($2)',
      [job.workspaceId, ids],
    );
    return rowCount ?? 0;
  };

  const workflow = async (job: PagedDeletion): Promise<number> => {
    const pages: string[][] = [];
    for (let after = ''; ; after = pages.at(-1)?.at(-1) ?? '') {
      const ids = await DBOS.runStep(() => backUpPage(job, pages.length, after), {
        name: 'backUpPage',
        retriesAllowed: true,
      });
      if (ids.length === 0) break;
      pages.push(ids);
    }
    let deleted = 0;
    for (const ids of pages) {
      deleted += await DBOS.runStep(() => deletePage(job, ids), {
        name: 'deletePage',
        retriesAllowed: true,
      });
    }
    return deleted;
  };

  const registered = DBOS.registerWorkflow(workflow, { name: 'deleteInPages' });
  return { run: (job: PagedDeletion) => registered(job), close: () => pool.end() };
};
