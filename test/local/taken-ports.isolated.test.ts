import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { readLocalEnv } from '../../config.ts';
import * as ports from '../../local/ports.ts';
import { removeDataFolder } from '../../local/postgres/postgres-place.ts';
import { startPostgres } from '../../local/postgres/postgres.ts';
import { sendSignal } from '../../local/processes/stop-process.ts';
import { startStack, type Stack } from '../../local/stack.ts';
import { startTemporal, type TemporalOptions } from '../../local/temporal/temporal.ts';
import { CLI_FOLDERS } from '../support/stack/temporal-programs.ts';
import { CACHE_FOLDER, CONSOLE_FOLDER, shareBuilds } from '../support/stack/builds.ts';

// Every test forces the race: a port is taken between its choice and its opening.
vi.mock('../../local/ports.ts', { spy: true });

let dataDir: string;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'keepsake-ports-'));
  dataDir = folder;
  // The hook that is registered first runs last: by then no server writes into the folder.
  onTestFinished(() => removeDataFolder(folder));
});

afterEach(() => void vi.mocked(ports.freePorts).mockReset());

const takePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

/** Sets the result of the next choice of ports. */
const choose = (...chosen: number[]) => vi.mocked(ports.freePorts).mockResolvedValueOnce(chosen);

const temporal = async (options: Partial<TemporalOptions> = {}) => {
  const server = await startTemporal({
    dataDir,
    port: 0,
    uiPort: 0,
    headless: true,
    cliFolders: CLI_FOLDERS,
    searchPath: process.env['PATH'],
    env: { PATH: process.env['PATH'] },
    ...options,
  });
  onTestFinished(() => server.stop());
  return server;
};

test('PostgreSQL starts on another port when the chosen port was taken meanwhile', async () => {
  const port = await takePort();
  choose(port);
  const postgres = await startPostgres({ dataDir });
  onTestFinished(() => postgres.stop());
  expect(new URL(postgres.url).port).not.toBe(String(port));
  expect(ports.freePorts).toHaveBeenCalledTimes(2);
});

test('two PostgreSQL servers that choose the same port both start, on different ports', async () => {
  const [port = 0] = await ports.freePorts(1);
  choose(port);
  choose(port);
  const second = join(dataDir, 'second');
  onTestFinished(() => removeDataFolder(second));
  const servers = await Promise.all([
    startPostgres({ dataDir }),
    startPostgres({ dataDir: second }),
  ]);
  onTestFinished(() => Promise.all(servers.map((server) => server.stop())).then(() => {}));
  expect(new Set(servers.map(({ url }) => new URL(url).port)).size).toBe(2);
});

test('Temporal starts on another port when the chosen port was taken meanwhile', async () => {
  const port = await takePort();
  choose(port, 0);
  expect((await temporal()).address).not.toContain(`:${port}`);
});

test('Temporal starts with another port for its UI when the chosen port was taken meanwhile', async () => {
  const [port = 0, uiPort] = [(await ports.freePorts(1))[0], await takePort()];
  choose(port, uiPort);
  const server = await temporal({ headless: false });
  expect(server.uiUrl).not.toContain(`:${uiPort}`);
  expect((await fetch(server.uiUrl!)).status).toBe(200);
});

test('another Temporal at the chosen port is not used in place of a new one', async () => {
  const other = await temporal();
  choose(Number(other.address.split(':')[1]), 0);
  const second = join(dataDir, 'second');
  mkdirSync(second);
  expect((await temporal({ dataDir: second })).address).not.toBe(other.address);
});

test('a port that is set and taken is an error that names the setting, without another attempt', async () => {
  const port = await takePort();
  for (const [name, options] of Object.entries({
    TEMPORAL_PORT: { port },
    TEMPORAL_UI_PORT: { uiPort: port, headless: false },
  })) {
    await expect(temporal(options)).rejects.toThrow(`Set ${name} to a free port`);
  }
  expect(readdirSync(dataDir)).toEqual([]);
});

/** Starts a stack in a folder, with the builds of the run. */
const startOne = async (folder: string): Promise<Stack> => {
  const zero = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', OUTBOX_PORT: '0' };
  const place = { CONSOLE_DIR: CONSOLE_FOLDER, KEEPSAKE_DATA_DIR: join(dataDir, folder) };
  mkdirSync(place.KEEPSAKE_DATA_DIR, { mode: 0o700 });
  await shareBuilds(place.KEEPSAKE_DATA_DIR);
  return startStack({
    env: readLocalEnv({ ...zero, ...place }),
    inherited: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'] },
    log: () => {},
    headless: true,
    cliFallbackFolder: CACHE_FOLDER,
  });
};

test('stacks that choose the same ports start simultaneously, and each stack has its own addresses', async () => {
  const same = await ports.freePorts(2);
  for (let count = 0; count < 4; count++) choose(...same);
  const folders = ['one', 'two'];
  const stacks = await Promise.all(folders.map(startOne));
  onTestFinished(async () => {
    await Promise.all(stacks.map((stack) => stack.stop()));
    for (const folder of folders) removeDataFolder(join(dataDir, folder));
  });
  const infos = stacks.map((stack) => stack.info());
  const urls = infos.flatMap(({ api, metrics, temporal: address, outbox, databaseUrl }) => [
    api,
    new URL(metrics).origin,
    `http://${address}`,
    outbox!,
    `http://${new URL(databaseUrl).host}`,
  ]);
  expect(new Set(urls).size).toBe(10);
  const [{ api, metrics, pids }] = infos as [ReturnType<Stack['info']>];
  expect((await fetch(metrics)).status).toBe(200);

  // A restarted API keeps its port: the next process answers a request that arrives between both.
  sendSignal(pids.api!, 'SIGKILL');
  await expect.poll(() => stacks[0]!.info().pids.api).toBeUndefined();
  expect((await fetch(`${api}/healthz`)).status).toBe(200);
  expect(stacks[0]!.info().pids.api).not.toBe(pids.api);
});
