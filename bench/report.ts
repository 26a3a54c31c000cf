import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Bench } from './bench-stack.ts';
import { medianSeconds, type Runs } from './contest.ts';
import { formatSeconds, formatTimes } from './figures.ts';

/** A line of the table. */
export interface Line {
  what: string;
  /** The peer of the comparison; a dash if the aim is a figure. */
  peer: string;
  result: string;
  aim: string;
  /** Undefined if nothing was measured, or there is no aim. */
  isMet: boolean | undefined;
}

export interface RowReport {
  lines: Line[];
  /** The figures behind the lines. */
  raw: unknown;
}

const RESULTS = join(import.meta.dirname, 'results');
const HEAD = ['what', 'peer', 'result', 'aim', 'met'];
const GIB = 1024 ** 3;

/**
 * The load of the minute before the benchmark. If it is far above 0, other programs were working
 * too.
 */
const loadAverageBefore = loadavg()[0];

const VERDICTS = { true: 'yes', false: '**no**', undefined: '–' };

/** The ratio of the medians of two contenders. */
export const compare = (
  runs: Runs,
  of: { what: string; own: string; peer: string; shown: string; aim: number | undefined },
): Line => {
  const own = medianSeconds(runs, of.own);
  const theirs = medianSeconds(runs, of.peer);
  const ratio = own / theirs;
  return {
    what: of.what,
    peer: of.shown,
    result: `${formatTimes(ratio)} (${formatSeconds(own)} to ${formatSeconds(theirs)})`,
    aim: of.aim === undefined ? '–' : `≤ ${formatTimes(of.aim)}`,
    isMet: of.aim === undefined ? undefined : ratio <= of.aim,
  };
};

export const toTable = (lines: readonly Line[]): string =>
  [
    row(HEAD),
    row(HEAD.map(() => '---')),
    ...lines.map(({ what, peer, result, aim, isMet }) =>
      row([what, peer, result, aim, VERDICTS[`${isMet}`]]),
    ),
  ].join('\n');

/** Writes the table and its figures to `bench/results/`, in files named by the minute. */
export const writeReport = async (
  bench: Bench,
  reports: Record<string, RowReport>,
): Promise<{ table: string; file: string }> => {
  const facts = await factsOf(bench);
  const table = toTable(Object.values(reports).flatMap(({ lines }) => lines));
  const about =
    `${facts.users.toLocaleString('en')} users, medians of ${facts.rounds}; ` +
    `${facts.cores} cores, ${facts.memoryGiB} GiB, ${facts.system}, Node ${facts.node}, ` +
    `PostgreSQL ${facts.postgresql}; ${facts.measuredAt.slice(0, 10)}.`;
  const raw = Object.fromEntries(Object.entries(reports).map(([name, { raw }]) => [name, raw]));
  const name = `${facts.measuredAt.slice(0, 16).replaceAll(':', '')}-${facts.users}`;
  const file = join(RESULTS, `${name}.md`);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(file, `${table}\n\n${about}\n`);
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify({ facts, raw }, null, 2)}\n`);
  return { table: `${table}\n\n${about}`, file };
};

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The facts that influence the figures. They name no machine, user or folder. */
const factsOf = async ({ owner, users, rounds }: Bench) => {
  const { rows } = await owner.query<{ server_version: string }>('SHOW server_version');
  return {
    measuredAt: new Date().toISOString(),
    users,
    rounds,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / GIB),
    system: `${platform()} ${arch()}`,
    loadAverageBefore,
    node: process.version,
    postgresql: rows[0]?.server_version,
    psql: versionOf('psql'),
    gzip: versionOf('gzip'),
  };
};

const versionOf = (program: string): string => {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().split('\n')[0] ?? '';
  } catch {
    return 'none';
  }
};
