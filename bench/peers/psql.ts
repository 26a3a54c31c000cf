import { execFile, execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { partitionOf } from '../../db/workspaces.ts';
import { WORKSPACE, type Bench } from '../bench-stack.ts';

const DEADLINE_MS = 60 * 60_000;

/** `psql` without the caller's own settings. It stops at the first error. */
const PREAMBLE = 'psql() { command psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$URL" "$@"; };';

/** @throws Error that says what to install, when there is no psql */
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

/** Runs a line of bash with variables. @returns how long it took, in seconds */
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

/**
 * Does what a careful person does by hand: copies to a file, then deletes. @returns the time in
 * seconds
 */
export const backUpAndDelete = async (bench: Bench, condition: string): Promise<number> => {
  const table = `"${partitionOf(WORKSPACE)}"`;
  const file = join(bench.folder, 'backup.csv.gz');
  const script = 'psql -c "$COPY" | gzip -1 > "$FILE"; sync "$FILE"; psql -c "$DELETE"';
  const seconds = await runScript(bench, script, {
    COPY: `\\copy (SELECT * FROM ${table} WHERE ${condition}) TO STDOUT csv`,
    DELETE: `DELETE FROM ${table} WHERE ${condition}`,
    FILE: file,
  });
  rmSync(file);
  return seconds;
};
