import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { PROJECT_FOLDER } from '../../local/processes/keepsake-process.ts';
import { register } from '../../worker/registration.ts';
import { SCHEDULES, SWEEP } from '../../workflows/contracts/jobs.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/contracts/search-attributes.ts';
import { useDatabase } from '../support/database/database.ts';
import { startDevServer, type DevServer } from '../support/stack/dev-server.ts';
import { argumentsFor } from '../support/stack/builds.ts';

/**
 * The requirements of a worker on a Temporal server that Keepsake did not start, and its errors
 * when they are not met.
 */

const QUEUE = 'keepsake';
const NAMES = Object.keys(SEARCH_ATTRIBUTES);
const BY_ITSELF = [...SCHEDULES.map(({ id }) => id), SWEEP.id];

const database = useDatabase();
let folder: string;
let server: DevServer | undefined;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-registration-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => server?.stop());

const add = (name: string, type: string) => `--search-attribute=${name}=${type}`;
const many = (count: number, type: string) =>
  Array.from({ length: count }, (_, n) => add(`Other${type}${n}`, type));

/** Runs a worker until it ends. @returns its exit code and the error that it logged last */
const runWorker = async (address: string, set: NodeJS.ProcessEnv = {}) => {
  const env = {
    PATH: process.env['PATH'],
    TEMPORAL_ADDRESS: address,
    DATABASE_URL: database().url,
    KEEPSAKE_DATA_DIR: folder,
    LINK_SECRET: 'a secret that is long enough for links',
    RESEND_API_KEY: 're_test',
    METRICS_PORT: '0',
    ...set,
  };
  const child = spawn(process.execPath, argumentsFor('worker/main.ts'), {
    cwd: PROJECT_FOLDER,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const lines = log.trim().split('\n');
  const last = JSON.parse(lines.at(-1) ?? '{}') as { error?: { name: string; message: string } };
  return { code, error: last.error };
};

test('missing attributes, schedules and the sweep are created once, also by simultaneous starts', async () => {
  server = await startDevServer(add('KeepsakeJob', 'Keyword'));
  const { client } = server;
  const made = await Promise.all([1, 2, 3].map(() => register(client, 'default', QUEUE)));
  expect(new Set(made.flat())).toEqual(new Set([...NAMES.slice(1), ...BY_ITSELF]));
  expect(await register(client, 'default', QUEUE)).toEqual([]);
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
    namespace: 'default',
  });
  expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(NAMES));
  await client.schedule.getHandle('scrub-backups').delete();
  await client.workflow.getHandle(SWEEP.id).terminate();
  expect(await register(client, 'default', QUEUE)).toEqual(['scrub-backups', SWEEP.id]);
});

test('the schedule that an earlier version had for the sweep is deleted', async () => {
  server = await startDevServer();
  const { client } = server;
  await client.schedule.create({
    scheduleId: SWEEP.id,
    spec: { intervals: [{ every: '1 minute' }] },
    action: { type: 'startWorkflow', workflowType: SWEEP.workflowType, taskQueue: QUEUE, args: [] },
  });
  await register(client, 'default', QUEUE);
  await expect(client.schedule.getHandle(SWEEP.id).describe()).rejects.toThrow(/not found/i);
});

test('a search attribute of another type ends the start of a worker with its name', async () => {
  server = await startDevServer(add('KeepsakePhase', 'Text'));
  const { code, error } = await runWorker(server.address);
  expect(code).toBe(1);
  expect(error).toMatchObject({
    name: 'TemporalRefusal',
    message:
      "Temporal's namespace default has the search attribute KeepsakePhase with the type Text, but " +
      'Keepsake needs the type Keyword: remove the attribute (temporal operator search-attribute remove --namespace default --name ' +
      'KeepsakePhase), then start the worker again.',
  });
  // The solution in the message is enough.
  await server.cli('operator', 'search-attribute', 'remove', '--yes', '--name', 'KeepsakePhase');
  await expect
    .poll(() => register(server!.client, 'default', QUEUE).catch(() => []))
    .toContain('KeepsakePhase');
});

test('a namespace without room for a search attribute ends the start with the type of the attribute', async () => {
  server = await startDevServer(...many(10, 'Keyword'));
  const { code, error } = await runWorker(server.address);
  expect(code).toBe(1);
  expect(error?.name).toBe('TemporalRefusal');
  expect(error?.message).toContain(
    "Temporal's namespace default cannot add the search attribute KeepsakeJob of the type Keyword",
  );
  expect(error?.message).toContain('cannot have more than 10');
  expect(error?.message).toContain('remove an unused attribute of that type');
});

test.each([
  ['KeepsakeWindowClosesAt', 'Datetime', 3],
  ['KeepsakeFailures', 'Int', 3],
])(
  'of several missing attributes, the error names the one without room: %s',
  async (name, type, room) => {
    server = await startDevServer(...many(room, type));
    const refusal = register(server.client, 'default', QUEUE);
    await expect(refusal).rejects.toThrow(`search attribute ${name} of the type ${type}`);
  },
);

test('a worker ends when its namespace does not exist', async () => {
  server = await startDevServer();
  expect(await runWorker(server.address, { TEMPORAL_NAMESPACE: 'nowhere' })).toMatchObject({
    code: 1,
    error: {
      name: 'TemporalRefusal',
      message: 'Temporal has no namespace nowhere: create it, or correct TEMPORAL_NAMESPACE.',
    },
  });
});
