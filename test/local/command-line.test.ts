import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_FOLDER } from '../../local/processes/keepsake-process.ts';

interface Ended {
  code: number;
  lines: string[];
}

/** Runs a command that must end before it connects to a database. */
const run = (file: string, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const all = ['--import', 'tsx', join(PROJECT_FOLDER, 'local', file), ...args];
    const env = { PATH: process.env['PATH'], KEEPSAKE_DATA_DIR: '/nowhere/at/all' };
    execFile(process.execPath, all, { env }, (error, _stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), lines: stderr.trimEnd().split('\n') }),
    );
  });

const key = (name: string, email = 'ada@example.com') =>
  run('keys.ts', 'create', '--role', 'ops', '--name', name, '--email', email);

test('a wrong command line ends with the usage and then the reason', async () => {
  const { code, lines } = await run('workspaces.ts', 'make');
  expect(code).toBe(2);
  expect(lines[0]).toBe('Usage:');
  expect(lines.at(-1)).toBe('unknown command: make');
});

test('names with a line break are refused', async () => {
  const workspace = await run('workspaces.ts', 'create', 'acme', '--name', 'Acme\r\nBcc: x');
  const owner = await key('Ada\u2028Admin');
  for (const { code, lines } of [workspace, owner]) {
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatch(/^--name must not have a line break/);
  }
});

test('an email address may end in one letter, and an invalid address is refused', async () => {
  const { code, lines } = await key('Ada', 'ada@example.x');
  expect(code).toBe(1);
  expect(lines.at(-1)).toMatch(/^There is no database/);
  expect((await key('Ada', 'nobody')).lines.at(-1)).toMatch(/^--email must be an email address/);
});
