import { createApiKey } from '../../db/api-keys.ts';
import { openDatabase } from '../../db/client.ts';
import { partitionOf } from '../../db/workspaces.ts';
import { createApiClient, type ApiClient } from '../../local/api-client.ts';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { contest, type Contender } from '../contest.ts';
import { runJob } from '../keepsake-job.ts';
import { backUpAndDelete } from '../peers/psql.ts';
import { compare, type RowReport } from '../report.ts';
import { withTraffic } from '../traffic.ts';

const AIM = 1;
const KEEPSAKE = 'Keepsake';
const SCRIPT = 'script';
const REQUESTS = '/v1/delete-all-requests';
const TABLE = `"${partitionOf(WORKSPACE)}"`;

/** Users that sign up after the preview, and stay. */
const NEWCOMERS = 1_000;
const PREFIX = 'newcomer-';
const GOES = `user_id NOT LIKE '${PREFIX}%'`;

/**
 * Deletes every user of a workspace with an approval, while the users that signed up since are read
 * and changed.
 */
export const measureEveryone = async (bench: Bench): Promise<RowReport> => {
  const runs = await contest(bench, [await keepsake(bench), script(bench)]);
  const of = {
    what: 'delete everyone, beside 50 requests a second',
    own: KEEPSAKE,
    peer: SCRIPT,
    shown: 'script: `\\copy`, `gzip -1`, fsync, `DELETE`, beside the same',
    aim: AIM,
  };
  return { lines: [compare(runs, of)], raw: runs };
};

const keepsake = async (bench: Bench): Promise<Contender> => {
  const platform = await openPlatform(bench);
  let request = '';
  let body = {};
  let ids: string[] = [];
  return {
    name: KEEPSAKE,
    prepare: async () => {
      await bench.load({ total: bench.users, going: bench.users });
      const asked = await bench.api.succeed<{ id: string }>('POST', REQUESTS, { reason: 'bench' });
      request = `${REQUESTS}/${asked.id}`;
      await platform.succeed('POST', `${request}/approve`, {});
      const preview = await bench.api.succeed<{ id: string; count: number; phrase: string }>(
        'POST',
        `${request}/preview`,
      );
      const { id: previewId, count, phrase } = preview;
      body = { previewId, confirm: { count, phrase } };
      ids = await signUp(bench);
    },
    run: async () => {
      const { result } = await withTraffic(bench, ids, () => runJob(bench, `${request}/run`, body));
      await assertDeleted(bench, KEEPSAKE);
      return result.run;
    },
  };
};

const openPlatform = async ({ info }: Bench): Promise<ApiClient> => {
  const { db, close } = openDatabase(info().databaseUrl, { maxConnections: 1 });
  try {
    const owner = { ownerName: 'Pia Platform', ownerEmail: 'pia.platform@example.com' };
    const { key } = await createApiKey(db, { role: 'platform', workspaceId: null, ...owner });
    return createApiClient(info().api, key);
  } finally {
    await close();
  }
};

const signUp = async ({ owner }: Bench): Promise<string[]> => {
  const { rows } = await owner.query<{ user_id: string }>(
    `INSERT INTO users (workspace_id, user_id, city)
     SELECT $1, $2 || n, 'Oslo' FROM generate_series(1, $3::int) n RETURNING user_id`,
    [WORKSPACE, PREFIX, NEWCOMERS],
  );
  return rows.map((row) => row.user_id);
};

/** @throws Error unless exactly the newcomers exist */
const assertDeleted = async ({ owner }: Bench, name: string): Promise<void> => {
  const { rows } = await owner.query<{ gone: boolean }>(
    `SELECT count(*) = ${NEWCOMERS} AND count(*) FILTER (WHERE ${GOES}) = 0 AS gone FROM ${TABLE}`,
  );
  if (rows[0]?.gone !== true) throw new Error(`${name} did not delete exactly the selected users`);
};

const script = (bench: Bench): Contender => {
  let ids: string[] = [];
  return {
    name: SCRIPT,
    prepare: async () => {
      await bench.load({ total: bench.users, going: bench.users });
      ids = await signUp(bench);
    },
    run: async () => {
      const { result: seconds } = await withTraffic(bench, ids, () => backUpAndDelete(bench, GOES));
      await assertDeleted(bench, SCRIPT);
      return { seconds };
    },
  };
};
