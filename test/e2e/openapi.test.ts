import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { findSchemathesis } from '../support/http/schemathesis.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const CONFIG = resolve('test/support/http/schemathesis.toml');
const DEADLINE_MS = 400_000;

const stack = useOwnStack();
const schemathesis = await findSchemathesis();
let link = '';

if ('reason' in schemathesis) {
  console.warn(`The OpenAPI document is not tested by Schemathesis: ${schemathesis.reason}`);
}
beforeEach(({ skip }) => {
  if ('reason' in schemathesis) skip(schemathesis.reason);
});

/** Makes an object of each kind, so that not every request gets a 404. */
beforeAll(async () => {
  const admin = await stack().workspace('fuzzed');
  await admin.succeed('POST', '/v1/properties', { name: 'plan', type: 'string' });
  const users = Array.from({ length: 300 }, (_, n) => ({
    userId: `u-${n}`,
    country: n % 2 === 0 ? 'IN' : 'DE',
    properties: { plan: 'pro' },
  }));
  await admin.succeed('POST', '/v1/users', users);
  const filter = { field: 'country', op: 'is', value: 'IN' };
  await admin.succeed('POST', '/v1/segments', { name: 'India', filter });
  const start = async (path: string, body: object): Promise<string> => {
    const { id } = await admin.succeed<{ id: string }>('POST', path, body);
    expect(await admin.finish(id)).toMatchObject({ state: 'succeeded' });
    return id;
  };
  await start('/v1/deletions', { selection: { type: 'ids', ids: ['u-1'] }, reason: 'seed' });
  const exportId = await start('/v1/exports', { selection: { type: 'all' } });
  const { url } = await admin.succeed<{ url: string }>('POST', `/v1/exports/${exportId}/links`, {});
  link = url.slice(url.lastIndexOf('/') + 1);

  const bystander = await stack().workspace('bystander');
  await bystander.succeed(
    'POST',
    '/v1/users',
    users.slice(0, 10).map(({ userId }) => ({ userId })),
  );
});

const stateOf = async (workspaceId: string) =>
  (
    await stack().sql(
      `SELECT (SELECT string_agg(u::text, ',' ORDER BY user_id) FROM users u WHERE workspace_id = $1),
              (SELECT count(*) FROM jobs WHERE workspace_id = $1) AS jobs,
              (SELECT count(*) FROM segments WHERE workspace_id = $1) AS segments,
              (SELECT count(*) FROM properties WHERE workspace_id = $1) AS properties`,
      [workspaceId],
    )
  )[0];

/** Runs Schemathesis to its end. @throws Error with all its findings */
const fuzz = async (key: string, phases: string): Promise<void> => {
  const cwd = join(stack().dataDir, 'schemathesis');
  await mkdir(cwd, { recursive: true });
  const program = 'program' in schemathesis ? schemathesis.program : '';
  const { api } = stack().stack.info();
  const args = ['--no-color', '--config-file', CONFIG, 'run', `${api}/openapi.json`];
  const env = { PATH: process.env['PATH'], KEEPSAKE_KEY: key, KEEPSAKE_LINK: link };
  const options = { cwd, env, timeout: DEADLINE_MS };
  await promisify(execFile)(program, [...args, '--phases', phases], options).catch(
    (error: { message: string; stdout?: string; stderr?: string }) => {
      const found = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim();
      throw new Error(found || error.message, { cause: error });
    },
  );
};

test(
  'the OpenAPI document describes every answer to an admin, and no answer is a 5xx',
  async () => {
    const before = await stateOf('bystander');
    const key = await stack().adminKey('fuzzed');
    await fuzz(key, 'coverage,fuzzing,stateful');
    expect(await stateOf('bystander')).toEqual(before);
  },
  DEADLINE_MS + 20_000,
);

test(
  'the OpenAPI document describes every answer to the platform team, and no answer is a 5xx',
  async () => {
    const before = await stateOf('bystander');
    await fuzz(await stack().roleKey('platform'), 'fuzzing');
    expect(await stateOf('bystander')).toEqual(before);
  },
  DEADLINE_MS + 20_000,
);
