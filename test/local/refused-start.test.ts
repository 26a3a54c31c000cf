import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { holdPort } from '../../local/held-port.ts';
import { useDatabase } from '../support/database.ts';
import { startFakePooler } from '../support/fake-pooler.ts';

const database = useDatabase();
let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'keepsake-refused-'));
});

afterAll(() => {
  rmSync(dataDir, { recursive: true });
});

/** Loaded first: a clock that is 31 days slow. */
const SLOW_CLOCK = 'data:text/javascript,const now = Date.now; Date.now = () => now() - 2678400000';

const start = async (file: string, databaseUrl: string, imports: string[] = []) => {
  const { port, fd, stop } = await holdPort('127.0.0.1', 0);
  const loaded = [...imports, 'tsx'].flatMap((name) => ['--import', name]);
  const child = spawn(process.execPath, [...loaded, file], {
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

/** What a process that ends by itself has said. */
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
  '%s ends at a pooler, with one sentence',
  async (file) => {
    const pooler = await startFakePooler(database().url, { makesKeys: true });
    const message = expect.stringMatching(/^A connection pooler .* itself\.$/) as string;
    expect(await endOf(file, pooler.url)).toMatchObject({
      code: 1,
      err: '',
      lines: [{ level: 60, error: { code: 'connectionUnfit', message } }],
    });
    await pooler.stop();
  },
);

test.each(['api/main.ts', 'worker/main.ts'])('%s ends when its clock is days off', async (file) => {
  const message = expect.stringMatching(/^The clock here is \d+ s behind the database's/) as string;
  expect(await endOf(file, database().url, [SLOW_CLOCK])).toMatchObject({
    code: 1,
    err: '',
    lines: [{ level: 60, error: { code: 'clocksDiffer', message } }],
  });
});

test('the API starts although the database is away', async () => {
  const { child: api, url } = await start('api/main.ts', 'postgres://x@127.0.0.1:1/x');
  await vi.waitFor(async () => expect((await fetch(`${url}/healthz`)).status).toBe(200), 30_000);
  const ended = once(api, 'exit');
  api.kill('SIGKILL');
  await ended;
});
