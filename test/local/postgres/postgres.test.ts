import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { removeDataFolder } from '../../../local/postgres/postgres-place.ts';
import { startPostgres, type Postgres } from '../../../local/postgres/postgres.ts';
import { identify } from '../../../local/processes/process-identity.ts';
import { sendSignal } from '../../../local/processes/stop-process.ts';
import { waitFor } from '../../support/wait.ts';

let closed: string;
let dataDir: string;
let postgres: Postgres | undefined;

const query = async (url: string, text: string): Promise<unknown[]> => {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows.flatMap(Object.values);
  } finally {
    await client.end();
  }
};

beforeEach(() => {
  closed = mkdtempSync(join(tmpdir(), 'keepsake-postgres-'));
  chmodSync(closed, 0o700);
  dataDir = join(closed, 'data');
});

afterEach(async () => {
  await postgres?.stop();
  postgres = undefined;
  removeDataFolder(dataDir);
  rmSync(closed, { recursive: true });
});

test('PostgreSQL starts in a folder that only its owner may enter, and finds its data again', async () => {
  postgres = await startPostgres({ dataDir });
  const pid = postgres.pid() ?? 0;
  await query(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await postgres.stop();
  expect(identify(pid)).toBeUndefined();

  postgres = await startPostgres({ dataDir });
  expect(await query(postgres.url, 'SELECT answer FROM kept')).toEqual([42]);
  expect(await query(postgres.url, 'SHOW server_version_num')).toEqual([
    expect.stringMatching(/^18/),
  ]);
});

test('PostgreSQL runs as an unprivileged user, and only this user may read the data', async () => {
  postgres = await startPostgres({ dataDir });
  const data = String((await query(postgres.url, 'SHOW data_directory'))[0]);
  const { mode, uid } = statSync(data);
  expect(mode & 0o777).toBe(0o700);
  expect(uid).not.toBe(0);
  expect(statSync(join(dataDir, 'postgres.json')).mode & 0o777).toBe(0o600);
});

test('PostgreSQL requires the password, and stores every write durably', async () => {
  postgres = await startPostgres({ dataDir });
  const wrong = new URL(postgres.url);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
  expect(await query(postgres.url, 'SHOW fsync')).toEqual(['on']);
  expect(await query(postgres.url, 'SHOW synchronous_commit')).toEqual(['on']);
  expect(await query(postgres.url, 'SHOW listen_addresses')).toEqual(['127.0.0.1']);
});

test('PostgreSQL is started again at the same address when its process is killed', async () => {
  const onRestart = vi.fn<(pid: number) => void>();
  postgres = await startPostgres({ dataDir, onRestart });
  const { url } = postgres;
  sendSignal(postgres.pid() ?? 0, 'SIGKILL');
  await waitFor(() => expect(onRestart).toHaveBeenCalled());
  await waitFor(async () => expect(await query(url, 'SELECT 1')).toEqual([1]), 200);
});

test('a second server on the same data is refused while the starter of the first server runs', async () => {
  mkdirSync(dataDir);
  postgres = await startPostgres({ dataDir });
  await expect(startPostgres({ dataDir })).rejects.toThrow('already runs');
  expect(await query(postgres.url, 'SELECT 1')).toEqual([1]);
});
