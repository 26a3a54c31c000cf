import { join, resolve } from 'node:path';
import { readLocalEnv } from '../config.ts';
import { openDatabase, type Db } from '../db/client.ts';
import { refusalOf } from '../db/connections/refusal.ts';
import { readJson } from './data-folder.ts';

const USAGE_CODE = 'ERR_USAGE';

/** An error of the caller. `runCommand` prints the usage text and exits with code 2. */
export const usageError = (message: string): Error =>
  Object.assign(new Error(message), { code: USAGE_CODE });

/** The database in DATABASE_URL, or else that of the stack that runs on the data folder. */
export const findDatabaseUrl = (): string => {
  const env = readLocalEnv();
  if (env.DATABASE_URL !== undefined) return env.DATABASE_URL;
  const infoFile = join(resolve(env.KEEPSAKE_DATA_DIR), 'local.json');
  const info = readJson(infoFile) as { databaseUrl?: string } | undefined;
  if (info?.databaseUrl !== undefined) return info.databaseUrl;
  throw new Error(
    `There is no database: DATABASE_URL is not set, and Keepsake does not run here (${infoFile} does not exist). ` +
      'Start Keepsake with npm start, or set DATABASE_URL or KEEPSAKE_DATA_DIR.',
  );
};

/** Runs `work` with the database as its owner, and closes it. */
export const withDatabase = async <T>(work: (db: Db) => Promise<T>): Promise<T> => {
  const database = openDatabase(findDatabaseUrl(), { applicationName: 'keepsake-admin' });
  try {
    return await work(database.db);
  } finally {
    await database.close();
  }
};

/** Prints rows as columns. Each column is as wide as its widest cell. */
export const printTable = (head: string[], rows: string[][]): void => {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
};

/** Runs a command and sets the exit code: 0, 2 for a wrong command line, 1 for any other error. */
export const runCommand = async (usage: string, command: () => Promise<void>): Promise<void> => {
  try {
    await command();
  } catch (error) {
    const isUsage = isUsageError(error);
    // The reason comes last, because readers look at the end.
    if (isUsage) console.error(`${usage}\n`);
    console.error((refusalOf(error) ?? (error as Error)).message);
    process.exitCode = isUsage ? 2 : 1;
  }
};

const isUsageError = (error: unknown): boolean => {
  const { code = '' } = error as NodeJS.ErrnoException;
  return code === USAGE_CODE || code.startsWith('ERR_PARSE_ARGS');
};
