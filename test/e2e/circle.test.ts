import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useOwnStack } from '../support/stack/stack.ts';

/** The commands of docs/circle.md and the README, pasted into one shell after `npm start`. */

const stack = useOwnStack({ demo: true });

const README = readFileSync('README.md', 'utf8');
const PAGE = readFileSync(new URL('../../docs/circle.md', import.meta.url), 'utf8');
const DEADLINE_MS = 240_000;
/** The only programs on the shell's PATH: the page may use no others. */
const TOOLS = ['curl', 'node', 'awk', 'cat', 'date', 'echo', 'grep', 'mkdir', 'sed'];
/** Separates the outputs of two commands. */
const SEPARATOR = '--- next command ---';

interface Command {
  heading: string;
  script: string;
  /** The output that the page shows; undefined if the page shows none. */
  printed: string | undefined;
}

/** @throws Error when a section of the page has no command, or several */
const commandsOf = (page: string): Command[] =>
  page.split(/^## /m).map((section) => {
    const [heading = ''] = section.split('\n', 1);
    const blocksOf = (kind: string) =>
      [...section.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].filter(([, own]) => own === kind);
    const [script, ...more] = blocksOf('sh').map(([, , text]) => text);
    if (script === undefined || more.length > 0) throw new Error(`${heading}: not one command`);
    return { heading, script, printed: blocksOf('text')[0]?.[2] };
  });

const commands = commandsOf(PAGE);
const [setUp, ...steps] = commands;
let folder: string;
let outputs: string[];

const findTool = async (name: string): Promise<string> => {
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', `type -P ${name}`]);
  return stdout.trim();
};

const linkTools = async (bin: string): Promise<void> => {
  await mkdir(bin);
  for (const name of TOOLS) await symlink(await findTool(name), join(bin, name));
};

/** Runs scripts one after the other in one shell. @throws Error when a command fails */
const runAll = async (scripts: readonly string[]): Promise<string[]> => {
  const input = scripts.join(`\necho '${SEPARATOR}'\n`);
  const options = {
    cwd: folder,
    timeout: DEADLINE_MS,
    env: { PATH: join(folder, 'bin'), HOME: folder },
  };
  // Bash reads its own start-up files if its input is a socket, as Node's pipes are.
  const args = ['--norc', '-euo', 'pipefail', '-c', input];
  const { stdout, stderr } = await promisify(execFile)('/bin/bash', args, options);
  expect(stderr).toBe('');
  return stdout.split(`${SEPARATOR}\n`);
};

const countUsers = async (condition = 'true'): Promise<number> => {
  const [row] = await stack().sql<{ n: string }>(
    `SELECT count(*) AS n FROM users WHERE workspace_id = 'demo' AND ${condition}`,
  );
  return Number(row?.n);
};

let leftAfterAll: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-circle-'));
  await symlink(stack().dataDir, join(folder, '.keepsake'));
  await linkTools(join(folder, 'bin'));
  outputs = await runAll(commands.map(({ script }) => script));
  leftAfterAll = await countUsers();
}, DEADLINE_MS);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the page has ten commands in the order of the circle', () => {
  expect(steps.map(({ heading }) => heading)).toEqual([
    '1. Import',
    '2. Segment',
    '3. Export',
    '4. Download',
    '5. Edit',
    '6. Import the edited file',
    '7. Preview',
    '8. Delete',
    '9. Restore',
    '10. Delete all',
  ]);
});

test.each(steps.map(({ heading }, index) => [heading, index] as const))(
  '%s prints the output that the page shows',
  (_heading, index) => {
    expect(steps[index]?.printed).toMatch(/\w/);
    expect(outputs[index + 1]).toBe(steps[index]?.printed);
  },
);

/** Command 9, for the backup of command 10. @returns its output */
const restoreAll = async (): Promise<string | undefined> => {
  const backup = `BACKUP=$(get result.backups.0.id < "$FILES/job.json")`;
  const restore = steps.find(({ heading }) => heading.startsWith('9.'))?.script ?? '';
  const [, , printed] = await runAll([setUp?.script ?? '', backup, restore]);
  return printed;
};

test('all users are deleted at the end, and command 9 restores them', async () => {
  expect(leftAfterAll).toBe(0);
  expect(await restoreAll()).toBe('restore succeeded: 10300 selected, 10300 restored\n');
  expect(await countUsers()).toBe(10_300);
  expect(await countUsers(`'circle' = ANY (tags) AND city = 'Mumbai'`)).toBe(100);
});

test('the examples of the README run unchanged', async () => {
  if ((await countUsers()) === 0) await restoreAll();
  const script = /^## Try it$[^]*?^```sh\n([^]*?)^```$/m.exec(README)?.[1] ?? '';
  const [printed = ''] = await runAll([script]);
  const words = printed.replaceAll(/\s+/g, ' ');
  expect(words).toContain('unchanged: 10300');
  expect(words).toMatch(/deleted: (\d+), .* restored: \1, .* open .* deleted: 10300,/);
  expect(await countUsers()).toBe(0);
});

test('a command that the API refuses prints the reason, and stops', async () => {
  const refused = `curl -s "$API/v1/jobs/nothing" -H "$ADMIN" | get id`;
  const run = runAll([setUp?.script ?? '', refused]);
  await expect(run).rejects.toThrow(/The request is malformed\. \{id\}/);
});
