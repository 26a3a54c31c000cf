import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { userCacheFolder } from '../../local/temporal/user-cache.ts';
import { makeFolder } from '../../storage/make-folder.ts';

/**
 * Runs the tests on another version of Node, from npm. Uses the packages that the package `node`
 * itself installs, because these run no scripts.
 */

const USAGE = `Usage:
  npm run test:node -- 22|24 [arguments for vitest]`;

/**
 * The versions that the tests were run on. npm has them for Linux; macOS may have others, or none.
 */
const VERSIONS: Record<string, string> = { 22: '22.23.3', 24: '24.22.3' };
const PACKAGE = `node-${process.platform}-${process.arch}`;
const INSTALL_DEADLINE_MS = 300_000;
const VERSION_DEADLINE_MS = 15_000;

const run = promisify(execFile);

/** @throws Error when the program is missing, or has another version */
const assertVersion = async (program: string, version: string): Promise<void> => {
  const { stdout } = await run(program, ['--version'], { timeout: VERSION_DEADLINE_MS });
  if (stdout.trim() !== `v${version}`) throw new Error(`${program} is ${stdout.trim()}`);
};

const programIn = (folder: string): string => join(folder, 'node_modules', PACKAGE, 'bin', 'node');

const install = async (version: string, folder: string): Promise<void> => {
  const draft = `${folder}.${randomBytes(6).toString('hex')}`;
  await makeFolder(draft);
  try {
    // Without this file, npm would install into a parent folder that has one.
    await writeFile(join(draft, 'package.json'), '{ "private": true }');
    const quiet = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', '--ignore-scripts', ...quiet, `${PACKAGE}@${version}`], {
      cwd: draft,
      timeout: INSTALL_DEADLINE_MS,
    });
    await assertVersion(programIn(draft), version);
    // The existing folder is damaged, or another run has just made it. Either may be replaced.
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
};

/** The path of the program, which is downloaded once for each user. */
const findNode = async (version: string): Promise<string> => {
  const name = `${PACKAGE}-${version}`;
  const folders = [userCacheFolder(), resolve('node_modules/.cache/keepsake')]
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, name));
  for (const folder of folders) {
    const program = programIn(folder);
    if (
      await assertVersion(program, version).then(
        () => true,
        () => false,
      )
    )
      return program;
  }
  console.error(`Fetching Node ${version} (${PACKAGE}, once)`);
  const failed: string[] = [];
  for (const folder of folders) {
    try {
      await install(version, folder);
      return programIn(folder);
    } catch (error) {
      failed.push((error as Error).message.trim());
    }
  }
  throw new Error(`Node ${version} cannot be had from npm (${PACKAGE}):\n${failed.join('\n')}`);
};

const main = async ([major = '', ...args]: string[]): Promise<number> => {
  const version = VERSIONS[major];
  if (version === undefined) {
    console.error(USAGE);
    return 2;
  }
  const node = await findNode(version);
  const child = spawn(node, [resolve('node_modules/vitest/vitest.mjs'), 'run', ...args], {
    // For programs started by name: npm and its scripts.
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env['PATH'] ?? ''}` },
    stdio: 'inherit',
  });
  // The terminal sends Ctrl-C to the tests as well, and they clean up.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
