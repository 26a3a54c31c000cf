import type { Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { type ApiClient, createApiClient } from '../../../local/api-client.ts';
import type { TestStack } from '../stack/stack.ts';

export interface Place {
  workspaceId: string;
  /** The same admin by the API and in the console. */
  api: ApiClient;
  key: string;
}

/** A workspace with users `u-1`, `u-2`, …: the first of them live in Paris, the others in Lyon. */
export const addPlace = async (
  stack: TestStack,
  workspaceId: string,
  { users, inParis }: { users: number; inParis: number },
): Promise<Place> => {
  await stack.workspace(workspaceId);
  const key = await stack.adminKey(workspaceId);
  await stack.sql(
    `INSERT INTO users (workspace_id, user_id, email, first_name, last_name, city)
     SELECT $1, 'u-' || n, 'u' || n || '@example.com', 'First', 'Last' || n,
            CASE WHEN n <= $3 THEN 'Paris' ELSE 'Lyon' END
       FROM generate_series(1, $2::int) AS n`,
    [workspaceId, users, inParis],
  );
  return { workspaceId, api: createApiClient(stack.stack.info().api, key), key };
};

export const IN_PARIS = {
  type: 'filter',
  filter: { field: 'city', op: 'is', value: 'Paris' },
} as const;

/** Starts a deletion by the API, and returns its id. */
export const beginDeletion = async ({ api }: Place, selection: object = IN_PARIS) => {
  const preview = await api.succeed<{ id: string; count: number }>(
    'POST',
    '/v1/deletion-previews',
    { selection },
  );
  return confirm(api, preview);
};

/**
 * A deletion of the users in Paris that failed because one more has moved there. Its page leads to
 * the dialog for the same users: there are `inParis + 1` of them then.
 */
export const addMovedDeletion = async (stack: TestStack, place: Place): Promise<string> => {
  const { api, workspaceId } = place;
  const preview = await previewParis(place);
  await moveToParis(stack, workspaceId, 1);
  const id = await confirm(api, preview);
  expect(await api.finish(id)).toMatchObject({ error: { type: 'selectionChanged' } });
  return id;
};

/** A deletion of the users in Paris that failed before its backup: it knows none of its users. */
export const addFailedDeletion = async (stack: TestStack, place: Place): Promise<string> => {
  const { api, workspaceId } = place;
  const preview = await previewParis(place);
  const table = `ALTER TABLE "users_${workspaceId}"`;
  await stack.sql(`${table} ENABLE ROW LEVEL SECURITY`);
  const id = await confirm(api, preview);
  expect(await api.finish(id)).toMatchObject({ state: 'failed', error: { type: 'rowSecurity' } });
  await stack.sql(`${table} DISABLE ROW LEVEL SECURITY`);
  return id;
};

export const NOBODY_DELETED = {
  deleted: 0,
  changedSinceBackup: 0,
  notFound: 0,
  held: 0,
  failed: 0,
};

/** A running deletion that no workflow processes: the test moves it on. */
export const insertDeletion = async (
  stack: TestStack,
  { workspaceId }: Place,
  { selection, phase }: { selection: object; phase: string },
): Promise<string> => {
  const [job] = await stack.sql<{ id: string }>(
    `INSERT INTO jobs (id, workspace_id, type, state, phase, selection, options, actor_key_id, started_at)
     SELECT gen_random_uuid(), $1, 'deletion', 'running', $2, $3, '{}', id, now()
       FROM api_keys WHERE workspace_id = $1 LIMIT 1 RETURNING id`,
    [workspaceId, phase, selection],
  );
  return job!.id;
};

/** So many further users move to Paris: a change, not a new user. */
export const moveToParis = (stack: TestStack, workspaceId: string, count: number) =>
  stack.sql(
    `UPDATE users SET city = 'Paris' WHERE workspace_id = $1 AND user_id IN
       (SELECT user_id FROM users WHERE workspace_id = $1 AND city = 'Lyon' LIMIT $2)`,
    [workspaceId, count],
  );

/** The users in Paris move away, and so many others move there. */
export const swapWithParis = async (stack: TestStack, workspaceId: string, count: number) => {
  const [{ ids } = { ids: [] }] = await stack.sql<{ ids: string[] }>(
    `SELECT array_agg(user_id) AS ids FROM users WHERE workspace_id = $1 AND city = 'Paris'`,
    [workspaceId],
  );
  await moveToParis(stack, workspaceId, count);
  await stack.sql(`UPDATE users SET city = 'Lyon' WHERE workspace_id = $1 AND user_id = ANY ($2)`, [
    workspaceId,
    ids,
  ]);
};

/** Opens the dialog from the page of such a deletion. */
export const openDialog = async (page: Page) => {
  await page.getByRole('button', { name: 'Look again' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('A backup is made and verified first.').waitFor();
  return dialog;
};

/** The deletions of a workspace, the failed ones too. */
export const countDeletions = async (stack: TestStack, workspaceId: string): Promise<number> => {
  const [row] = await stack.sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM jobs WHERE workspace_id = $1 AND type = 'deletion'`,
    [workspaceId],
  );
  return row!.count;
};

/**
 * Holds a job where it is until the end of the test: no step can begin or end a phase.
 *
 * @returns a function that ends this earlier
 */
export const holdJob = (stack: TestStack, id: string) =>
  hold(stack, 'SELECT FROM jobs WHERE id = $1 FOR NO KEY UPDATE', [id]);

/**
 * Holds locks of users until the end of the test, so that a deletion waits for them.
 *
 * @returns a function that ends this earlier
 */
export const lockUsers = (stack: TestStack, { workspaceId }: Place, ids: string[]) =>
  hold(stack, 'SELECT FROM users WHERE workspace_id = $1 AND user_id = ANY ($2) FOR UPDATE', [
    workspaceId,
    ids,
  ]);

/**
 * Holds a lock of the table of users until the end of the test, so that nobody is deleted.
 *
 * @returns a function that ends this earlier
 */
export const lockAllUsers = (stack: TestStack, { workspaceId }: Place) =>
  hold(stack, `LOCK TABLE "users_${workspaceId}" IN SHARE MODE`, []);

/** Runs a query in a transaction that stays open. */
const hold = async (stack: TestStack, query: string, values: unknown[]) => {
  const client = await stack.owner.pool.connect();
  await client.query('BEGIN');
  await client.query(query, values);
  let isFree = false;
  const free = async (): Promise<void> => {
    if (isFree) return;
    isFree = true;
    await client.query('ROLLBACK');
    client.release();
  };
  onTestFinished(free);
  return free;
};

const previewParis = ({ api }: Place) =>
  api.succeed<{ id: string; count: number }>('POST', '/v1/deletion-previews', {
    selection: IN_PARIS,
  });

const confirm = async (api: ApiClient, preview: { id: string; count: number }): Promise<string> => {
  const { id } = await api.succeed<{ id: string }>('POST', '/v1/deletions', {
    previewId: preview.id,
    confirm: { count: preview.count },
    reason: 'a test',
  });
  return id;
};
