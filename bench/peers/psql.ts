import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Bench } from '../bench-stack.ts';

const DEADLINE_MS = 60 * 60_000;

/** `psql` without the caller's own settings, and with an end at the first error. */
const PREAMBLE = 'psql() { command psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$URL" "$@"; };';

/** @throws Error saying what to install, when there is no psql */
export const assertPsql = (): void => {
  try {
    execFileSync('psql', ['--version']);
  } catch (error) {
    throw new Error(
      'The peers of some rows are scripts around psql, which is not on the PATH. Install the ' +
        'PostgreSQL client (Debian, Ubuntu: apt-get install postgresql-client; macOS: brew install ' +
        'libpq), or choose rows without it: --rows list,one,others,growth.',
      { cause: error },
    );
  }
};

/** Runs a line of bash, with variables. @returns how long it took, in seconds */
export const runScript = async (
  { info }: Bench,
  script: string,
  variables: Record<string, string>,
): Promise<number> => {
  const env = { PATH: process.env['PATH'], URL: info().databaseUrl, ...variables };
  const start = performance.now();
  await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', PREAMBLE + script], {
    env,
    timeout: DEADLINE_MS,
  });
  return (performance.now() - start) / 1_000;
};
