import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { DBOS } from '@dbos-inc/dbos-sdk';
import { Pool } from 'pg';

/** Users per page: a step of some 100 ms, with a list of ids that fits into a checkpoint. */
const PAGE_ROWS = 10_000;
const GZIP_LEVEL = 1;

/** The users to back up and delete, as an SQL condition. */
export interface PagedDeletion {
  workspaceId: string;
  condition: string;
  /** The folder for the pages of the backup. */
  folder: string;
}

/**
 * Keeps values as the text that PostgreSQL sends. Parsing would cost time, and lose digits of
 * numbers.
 */
const asText = { getTypeParser: () => (text: string | Buffer) => text };

/**
 * Backs users up and deletes them in the usual way with DBOS. A step reads a page of rows by key,
 * writes it as its own compressed file, and stores the ids. Further steps delete by these ids. Each
 * step may run again. No file is read back, and a user that changed in between is deleted, too.
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

const toCsv = (rows: (string | null)[][]): string =>
  rows.map((row) => `${row.map(toField).join(',')}\n`).join('');

const toField = (value: string | null): string => {
  if (value === null) return '';
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};
