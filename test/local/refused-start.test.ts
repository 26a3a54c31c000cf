import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdPort } from '../../local/held-port.ts';
import { useDatabase } from '../support/database/database.ts';
import { startFakePooler } from '../support/database/fake-pooler.ts';
import { argumentsFor } from '../support/stack/builds.ts';
import { waitFor } from '../support/wait.ts';

const database = useDatabase();
let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-refused-'));
});

afterAll(() => {
  rmSync(dataDir, { recursive: true });
});

/** Loaded first: sets a clock that is 31 days slow. */
const SLOW_CLOCK = 'data:text/javascript,const now = Date.now; Date.now = () => now() - 2678400000';

const PROCESSES = ['api/main.ts', 'worker/main.ts'] as const;

const start = async (file: string, databaseUrl: string, imports: string[] = []) => {
  const { port, fd, stop } = await holdPort('127.0.0.1', 0);
  const loaded = imports.flatMap((name) => ['--import', name]);
  const child = spawn(process.execPath, [...loaded, ...argumentsFor(file)], {
    stdio: ['ignore', 'pipe', 'pipe', fd],
    env: {
      ...process.env,
      KEEPSAKE_DATA_DIR: dataDir,
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      LISTEN_FD: '3',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      RESEND_API_KEY: 're_test',
      LINK_SECRET: 'a secret that is long enough for links',
    },
  });
  await stop();
  return { child, url: `http://127.0.0.1:${port}` };
};

/** The exit code and the output of a process that ends by itself. */
const endOf = async (...args: Parameters<typeof start>) => {
  const { child: ending } = await start(...args);
  const [out, err, [code]] = await Promise.all([
    text(ending.stdout!),
    text(ending.stderr!),
    once(ending, 'exit') as Promise<[number | null]>,
  ]);
  const lines = out.trim().split('\n');
  return { code, err, lines: lines.map((line) => JSON.parse(line) as unknown) };
};

test.each(['api/main.ts', 'worker/main.ts'])(
  '%s ends at a connection pooler, with one sentence',
  async (file) => {
    const pooler = await startFakePooler(database().url, { makesKeys: true });
    const message = expect.stringMatching(/^A connection pooler .* itself\.$/) as string;
    expect(await endOf(file, pooler.url)).toMatchObject({
      code: 1,
      err: '',
      lines: [{ level: 'fatal', error: { code: 'connectionUnfit', message } }],
    });
    await pooler.stop();
  },
);

test.each(['api/main.ts', 'worker/main.ts'])(
  '%s ends when its clock differs by days',
  async (file) => {
    const message = expect.stringMatching(
      /^The clock here is \d+ s behind the clock of the database/,
    ) as string;
    expect(await endOf(file, database().url, [SLOW_CLOCK])).toMatchObject({
      code: 1,
      err: '',
      lines: [{ level: 'fatal', error: { code: 'clocksDiffer', message } }],
    });
  },
);

const query = (text: string) => database().owner.pool.query(text);

/** The URL of the test server with another database or another login. */
const elsewhere = (change: Partial<Record<'pathname' | 'username', string>>): string =>
  Object.assign(new URL(database().url), change).href;

/** Creates another login with the password of the owner. */
const createLogin = (name: string, memberOf = '') =>
  query(`CREATE ROLE ${name} LOGIN PASSWORD '${new URL(database().url).password}' ${memberOf}`);

const oneLine = (code: string, message: RegExp) => ({
  code: 1,
  err: '',
  lines: [{ level: 'fatal', error: { code, message: expect.stringMatching(message) as string } }],
});

test.each(PROCESSES)('%s ends when PostgreSQL refuses its login or its database', async (file) => {
  expect(await endOf(file, elsewhere({ username: 'nobody_here' }))).toMatchObject(
    oneLine(
      'loginRefused',
      /^PostgreSQL refuses the login of this process \((?:28000|28P01)\): correct/,
    ),
  );
  expect(await endOf(file, elsewhere({ pathname: '/no_such_database' }))).toMatchObject(
    oneLine('loginRefused', /^PostgreSQL refuses the login of this process \(3D000\): correct/),
  );
});

test.each(PROCESSES)('%s ends when its login may not use its role', async (file) => {
  await createLogin('stranger');
  try {
    expect(await endOf(file, elsewhere({ username: 'stranger' }))).toMatchObject(
      oneLine('loginRefused', /may not act as its role: make it a member of keepsake_api/),
    );
  } finally {
    await query('DROP ROLE stranger');
  }
});

test.each(PROCESSES)('%s ends when the schema is missing or older', async (file) => {
  await query('CREATE DATABASE without_schema');
  try {
    expect(await endOf(file, elsewhere({ pathname: '/without_schema' }))).toMatchObject(
      oneLine('schemaMissing', /^The database has no schema of Keepsake: run "npm run migrate"/),
    );
  } finally {
    await query('DROP DATABASE without_schema WITH (FORCE)');
  }
  const { rows } = await query(
    'DELETE FROM kysely_migration WHERE name = (SELECT max(name) FROM kysely_migration) RETURNING *',
  );
  const [{ name, timestamp }] = rows;
  const message = new RegExp(
    `^The schema of the database is that of .*, and this version needs ${name}`,
  );
  expect(await endOf(file, database().url)).toMatchObject(oneLine('schemaOutdated', message));
  await createLogin('member', 'IN ROLE keepsake_api, keepsake_worker');
  await query(`REVOKE SELECT ON kysely_migration FROM keepsake_app`);
  expect(await endOf(file, elsewhere({ username: 'member' }))).toMatchObject(
    oneLine('schemaOutdated', /0021-user-lists or an earlier one/),
  );
  await query(`GRANT SELECT ON kysely_migration TO keepsake_app`);
  await query('DROP ROLE member');
  await database().owner.pool.query('INSERT INTO kysely_migration VALUES ($1, $2)', [
    name,
    timestamp,
  ]);
});

test('the API starts although the database is away', async () => {
  const { child: api, url } = await start('api/main.ts', 'postgres://x@127.0.0.1:1/x');
  await waitFor(async () => expect((await fetch(`${url}/healthz`)).status).toBe(200));
  const ended = once(api, 'exit');
  api.kill('SIGKILL');
  await ended;
});

/** A server that closes each connection until it is opened; then it forwards to the database. */
const startGate = async () => {
  const { hostname: host, port } = new URL(database().url);
  let isOpen = false;
  const gate = createServer((client) => {
    client.on('error', () => {});
    if (!isOpen) {
      client.destroy();
      return;
    }
    const there = connect({ host, port: Number(port) });
    there.on('error', () => client.destroy());
    client.pipe(there).pipe(client);
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address() as AddressInfo;
  const url = Object.assign(new URL(database().url), {
    host: `127.0.0.1:${address.port}`,
  });
  return { url: url.href, open: () => void (isOpen = true), stop: () => gate.close() };
};

test('a worker waits for PostgreSQL, then for Temporal, logs this, and ends at SIGTERM', async () => {
  const gate = await startGate();
  const { child } = await start('worker/main.ts', gate.url);
  let said = '';
  child.stdout!.on('data', (chunk: Buffer) => (said += String(chunk)));
  const until = (text: string) => waitFor(() => expect(said).toContain(text), 50);
  await until(
    '"attempt":2,"pauseMs":2000,"msg":"PostgreSQL is not available: the worker waits for it"',
  );
  gate.open();
  await until('PostgreSQL answers');
  await until('Temporal is not available: the worker waits for it');
  expect(said).not.toContain('"level":"fatal"');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  gate.stop();
});

test('a worker that waits for PostgreSQL ends at the first SIGTERM', async () => {
  const gate = await startGate();
  const { child } = await start('worker/main.ts', gate.url);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  expect(String(line)).toContain('PostgreSQL is not available');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  gate.stop();
});

test('the API logs that the database is away, and continues to run', async () => {
  const gate = await startGate();
  const { child, url } = await start('api/main.ts', gate.url);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  expect(String(line)).toContain('PostgreSQL is not available: requests are answered with 503');
  await waitFor(async () => expect((await fetch(`${url}/healthz`)).status).toBe(200));
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  gate.stop();
});

test.each(PROCESSES)('%s ends when a setting is invalid, and names the setting', async (file) => {
  expect(await endOf(file, 'mysql://x@127.0.0.1/x')).toMatchObject({
    code: 1,
    err: '',
    lines: [
      { level: 'fatal', error: { message: expect.stringContaining('DATABASE_URL') as string } },
    ],
  });
});
