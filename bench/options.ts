import { parseArgs } from 'node:util';

/** The rows, in the order of a run. Rows that share a state of the table are neighbours. */
export const ROWS = [
  'import',
  'export',
  'list',
  'one',
  'delete',
  'durable',
  'restore',
  'others',
  'everyone',
  'growth',
] as const;

export type RowName = (typeof ROWS)[number];

export interface BenchOptions {
  rows: readonly RowName[];
  /** The number of users to export, or to delete from a larger workspace. */
  users: number;
  /** The number of runs of each contender. The median is reported. */
  rounds: number;
}

const USAGE = `npm run bench -- [--rows ${ROWS.join(',')}] [--users 1000000] [--rounds 3]

  --rows    the rows to measure; by default all rows
  --users   the number of users in the bulk rows; at least 1000
  --rounds  the number of runs of each contender; the median is reported`;

const MIN_USERS = 1_000;

/** @throws Error that says what is wrong and how to call the program */
export const readOptions = (args: string[]): BenchOptions => {
  const { values } = parse(args);
  const wanted = values.rows.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !isRow(name));
  if (unknown !== undefined) throw new Error(`--rows: there is no row ${unknown}.\n\n${USAGE}`);
  return {
    rows: ROWS.filter((row) => wanted.includes(row)),
    users: wholeNumber('users', values.users, MIN_USERS),
    rounds: wholeNumber('rounds', values.rounds, 1),
  };
};

const parse = (args: string[]) => {
  try {
    return parseArgs({
      args,
      options: {
        rows: { type: 'string', default: ROWS.join(',') },
        users: { type: 'string', default: '1000000' },
        rounds: { type: 'string', default: '3' },
      },
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
};

const isRow = (name: string): name is RowName => ROWS.some((row) => row === name);

const wholeNumber = (name: string, text: string, min: number): number => {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`--${name} ${text}: give a whole number of at least ${min}.\n\n${USAGE}`);
};
