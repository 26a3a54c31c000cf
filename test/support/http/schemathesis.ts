import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const CONSTRAINTS = join(import.meta.dirname, 'schemathesis.txt');
const DEADLINE_MS = 240_000;

/** The Python version that the pinned Schemathesis needs. */
const NEEDS_PYTHON = [3, 11];
const IS_OLD = `import sys; sys.exit(sys.version_info < (${NEEDS_PYTHON.join(', ')}))`;

const run = promisify(execFile);

/** The program, kept between runs, or the reason why it is not available. */
export const findSchemathesis = async (): Promise<{ program: string } | { reason: string }> => {
  const version = createHash('sha256').update(readFileSync(CONSTRAINTS)).digest('hex').slice(0, 12);
  const folder = resolve('node_modules/.cache/keepsake', `schemathesis-${version}`);
  const program = join(folder, 'bin/schemathesis');
  // Written last, so that an interrupted install is repeated.
  const marker = join(folder, 'complete');
  try {
    if (!existsSync(marker)) {
      await install(folder);
      writeFileSync(marker, '');
    }
    return { program };
  } catch (error) {
    return { reason: (error as Error).message };
  }
};

/** @throws Error whose message states what is missing */
const install = async (folder: string): Promise<void> => {
  const limits = { timeout: DEADLINE_MS };
  await run('python3', ['-c', IS_OLD], limits).catch(
    missing(`no Python ${NEEDS_PYTHON.join('.')}`),
  );
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder], limits).catch(missing('no venv or pip'));
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
  await run(join(folder, 'bin/python'), [...pip, '-c', CONSTRAINTS, 'schemathesis'], limits).catch(
    missing('pip cannot install schemathesis'),
  );
};

/** Rethrows an error with a message that states what is missing. */
const missing = (what: string) => (error: Error & { stderr?: string }) => {
  throw new Error(`${what}: ${error.stderr?.trim() || error.message}`, { cause: error });
};
