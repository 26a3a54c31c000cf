import { Client } from 'pg';
import { createApiKey } from '../../../db/api-keys.ts';
import { openDatabase } from '../../../db/client.ts';
import { createApiClient, type ApiClient, type Job } from '../../../local/api-client.ts';
import type { TestStack } from '../stack/stack.ts';
import { waitFor, waitUntil } from '../wait.ts';

export interface DeleteAllRequest {
  id: string;
  state: string;
  window: { opensAt: string; closesAt: string } | null;
  lapsesAt: string | null;
  finishedAt: string | null;
  jobId: string | null;
  timeline: { event: string; outcome: string; refusal: string | null; reason: string | null }[];
}

interface Preview {
  id: string;
  count: number;
  phrase: string;
}

const PATH = '/v1/delete-all-requests';

/** Steps of delete-all requests on a real stack, through its API. */
export const createDeleteAllApi = ({ stack, sql, workspace, mails }: TestStack) => {
  const { api, databaseUrl } = stack.info();

  const makeKey = async (role: 'admin' | 'platform', id: string | null, ownerEmail: string) => {
    const owner = openDatabase(databaseUrl, { maxConnections: 1 });
    const person = { workspaceId: id, ownerName: 'Pia', ownerEmail };
    const made = await createApiKey(owner.db, { role, ...person });
    await owner.close();
    return { id: made.id, client: createApiClient(api, made.key) };
  };
  const insertUsers = (id: string, count: number, prefix = 'u-') =>
    sql(
      `INSERT INTO users (workspace_id, user_id, email)
       SELECT $1, $3 || n, $3 || n || '@example.com' FROM generate_series(1, $2::int) n`,
      [id, count, prefix],
    );

  return {
    makeKey,
    read,
    insertUsers,
    countUsers: async (id: string) => {
      const rows = await sql<{ n: number }>(
        'SELECT count(*)::int AS n FROM users WHERE workspace_id = $1',
        [id],
      );
      return rows[0]?.n;
    },
    /** A workspace with users, whose admin has sent a request. */
    ask: async (workspaceId: string, users: number) => {
      const admin = await workspace(workspaceId);
      await insertUsers(workspaceId, users);
      const body = { reason: 'the contract has ended', ticket: 'T-1' };
      const { id } = await admin.succeed<DeleteAllRequest>('POST', PATH, body);
      return { admin, id };
    },
    /**
     * Blocks deletes of a workspace's users, so that a run cannot end.
     *
     * @returns a function that releases the lock
     */
    holdUsers: async (workspaceId: string): Promise<() => Promise<void>> => {
      const client = new Client({ connectionString: databaseUrl });
      // The server may be killed meanwhile, which releases the lock as well.
      client.on('error', () => {});
      await client.connect();
      await client.query('BEGIN');
      await client.query(`LOCK TABLE public."users_${workspaceId}" IN SHARE MODE`);
      return () => client.end().catch(() => {});
    },
    /** The code for a decision by signal, from the mail to a person. */
    codeFor: async (kind: string, id: string, person: string): Promise<string> => {
      const command = new RegExp(
        `delete-all/${id} --name ${kind} --input '\\{"code":"([a-z0-9-]+)"`,
      );
      const find = async () =>
        (await mails())
          .filter(({ to }) => String(to).includes(person))
          .map(({ text }) => command.exec(text ?? '')?.[1])
          .find((code) => code !== undefined);
      return waitUntil(find, 200);
    },
    decide: (client: ApiClient, id: string, kind: string, body?: object) =>
      client.call<DeleteAllRequest>('POST', `${PATH}/${id}/${kind}`, body),
    preview: (client: ApiClient, id: string) =>
      client.succeed<Preview>('POST', `${PATH}/${id}/preview`),
    run: (client: ApiClient, id: string, { id: previewId, count, phrase }: Preview) =>
      client.succeed<Job>('POST', `${PATH}/${id}/run`, { previewId, confirm: { count, phrase } }),
    /** Waits until a request satisfies `is`. Servers may be away meanwhile. */
    until: (client: ApiClient, id: string, is: (request: DeleteAllRequest) => boolean) =>
      waitFor(async () => {
        const request = await read(client, id);
        if (!is(request)) throw new Error(`request ${id} is ${request.state}`);
        return request;
      }, 200),
  };
};

const read = (client: ApiClient, id: string) =>
  client.succeed<DeleteAllRequest>('GET', `${PATH}/${id}`);
