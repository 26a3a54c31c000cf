import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { createWorkspace } from '../../db/workspaces.ts';
import { PROJECT_FOLDER } from '../../local/processes/keepsake-process.ts';
import { readKeyExpiry } from '../../local/key-expiry.ts';
import { findApiKey, noteKeyUse, proofOf } from '../../db/api-keys.ts';
import { useDatabase } from '../support/database/database.ts';

const database = useDatabase();

beforeAll(async () => {
  await createWorkspace(database().owner.db, { id: 'acme', name: 'Acme' });
});

interface Ended {
  code: number;
  out: string[];
  errors: string[];
}

const keys = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const all = ['--import', 'tsx', join(PROJECT_FOLDER, 'local', 'keys.ts'), ...args];
    const env = { PATH: process.env['PATH'], DATABASE_URL: database().url };
    execFile(process.execPath, all, { env }, (error, stdout, stderr) =>
      resolve({
        code: Number(error?.code ?? 0),
        out: stdout.trimEnd().split('\n'),
        errors: stderr.trimEnd().split('\n'),
      }),
    );
  });

const create = (expires: string[]) =>
  keys('create', '--role', 'ops', '--name', 'Ole', '--email', 'ole@example.com', ...expires);

test('the expiry of a key is a date, a timestamp, or a duration from now', () => {
  expect(readKeyExpiry('2027-01-31')).toEqual({ at: '2027-01-31T00:00:00Z' });
  expect(readKeyExpiry('2027-01-31T18:00:00+02:00')).toEqual({ at: '2027-01-31T16:00:00.000000Z' });
  expect(readKeyExpiry('12h')).toEqual({ inSeconds: 43_200 });
  expect(readKeyExpiry('3650d')).toEqual({ inSeconds: 315_360_000 });
  for (const text of [
    '',
    'soon',
    '0d',
    '3651d',
    '1w',
    '-1d',
    '1.5h',
    '2027-02-30',
    '2027-01-31T18:00',
  ]) {
    expect({ text, end: readKeyExpiry(text) }).toEqual({ text, end: undefined });
  }
});

test('a key is created with an expiry, and the list has its expiry, last use and revocation', async () => {
  const made = await create(['--expires', '2100-01-31']);
  expect(made).toMatchObject({ code: 0, errors: [''] });
  const [, id] = /^Key (\S+) for Ole \(ops\), until 2100-01-31T00:00:00\.000Z\./.exec(
    made.out[0]!,
  )!;
  const key = made.out[1]!;
  expect(await findApiKey(database().api.db, key)).toMatchObject({ id, role: 'ops' });
  await noteKeyUse(database().api.db, proofOf(key));
  const endless = await create([]);
  expect(endless.out[0]).toContain('no expiry');

  const [head, first, other] = (await keys('list')).out;
  const from = head!.indexOf('created');
  expect(head!.slice(from).split(/  +/)).toEqual(['created', 'expires', 'last used', 'revoked']);
  const moment = expect.stringMatching(/^20\d\d-.*Z$/);
  expect(first!.slice(from).split(/  +/)).toEqual([
    moment,
    '2100-01-31T00:00:00.000Z',
    moment,
    '-',
  ]);
  expect(other!.slice(from).split(/  +/)).toEqual([moment, '-', '-', '-']);
});

test('an invalid or past expiry is refused, and no key is created', async () => {
  const wrong = await create(['--expires', 'soon']);
  expect(wrong.code).toBe(2);
  expect(wrong.errors.at(-1)).toMatch(/^--expires must be a date/);
  const over = await create(['--expires', '2020-01-01']);
  expect(over.code).toBe(1);
  expect(over.errors.at(-1)).toBe('The key would end before it begins: choose a later time.');
  const { rows } = await database().owner.pool.query('SELECT count(*) AS n FROM api_keys');
  expect(rows[0].n).toBe(2);
});
