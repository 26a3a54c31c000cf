import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writePrivateJson } from '../../../local/data-folder.ts';
import { PROJECT_FOLDER } from '../../../local/processes/keepsake-process.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-command-'));
  // A program that prints its environment and its arguments.
  const cli = join(folder, 'cli');
  writeFileSync(
    cli,
    [
      '#!/bin/sh',
      'if [ "$1" = --version ]; then echo temporal version 0; exit 0; fi',
      'printf "%s|" "$TEMPORAL_ADDRESS" "$TEMPORAL_NAMESPACE" "$TEMPORAL_CONFIG_FILE" "$@"',
      'exit 7',
    ].join('\n'),
  );
  chmodSync(cli, 0o755);
});

afterEach(() => rmSync(folder, { recursive: true }));

/**
 * Runs `npm run temporal -- …` with a program of the test in place of the CLI; returns its exit
 * code and output.
 */
const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  new Promise<{ code: number; out: string; err: string }>((done) => {
    const own = {
      PATH: process.env['PATH'],
      KEEPSAKE_DATA_DIR: folder,
      TEMPORAL_CLI_PATH: join(folder, 'cli'),
      ...env,
    };
    const file = join(PROJECT_FOLDER, 'local', 'temporal-command.ts');
    const all = ['--import', 'tsx', file, ...args];
    execFile(process.execPath, all, { env: own }, (error, out, err) =>
      done({ code: Number(error?.code ?? 0), out, err }),
    );
  });

const runs = (pids: object) =>
  writePrivateJson(join(folder, 'local.json'), { temporal: '127.0.0.1:7000', pids });

const INPUT = '{"code": "it\'s \\"this\\" one"}';

test('the CLI connects to the running stack, in spite of settings for another server', async () => {
  runs({ temporal: 1 });
  const env = { TEMPORAL_NAMESPACE: 'elsewhere' };
  const { code, out } = await run(['workflow', 'signal', '--input', INPUT], env);
  const config = join(folder, 'temporal.toml');
  expect(out).toBe(`127.0.0.1:7000||${config}|workflow|signal|--input|${INPUT}|`);
  expect(code).toBe(7);
});

test('for a server that was given to the stack, the CLI uses the settings of the caller', async () => {
  runs({});
  const { out } = await run(['workflow', 'list'], { TEMPORAL_NAMESPACE: 'mine' });
  expect(out).toBe('127.0.0.1:7000|mine||workflow|list|');
});

test('TEMPORAL_ADDRESS has priority over the running stack', async () => {
  runs({ temporal: 1 });
  const env = { TEMPORAL_ADDRESS: 'temporal.example:7233', TEMPORAL_NAMESPACE: 'mine' };
  const { out } = await run(['workflow', 'list'], env);
  expect(out).toBe('temporal.example:7233|mine||workflow|list|');
});

test('without a running server the error is one sentence, and commands without a server still work', async () => {
  const { code, out, err } = await run(['workflow', 'list']);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(
    /^There is no Temporal server: .*set TEMPORAL_ADDRESS or KEEPSAKE_DATA_DIR\.$/m,
  );
  expect((await run(['workflow', 'list', '--help'])).code).toBe(7);
  expect((await run([])).out).toBe('|||');
  const elsewhere = ['workflow', 'list', '--address', '127.0.0.1:7'];
  expect((await run(elsewhere)).out).toBe(`|||${elsewhere.join('|')}|`);
});
