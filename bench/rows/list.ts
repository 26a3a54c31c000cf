import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { formatMs, percentile } from '../figures.ts';
import { populationOf } from '../people.ts';
import type { Line, RowReport } from '../report.ts';
import { measureConsolePages } from './console-pages.ts';

const REQUESTS = 200;
const WARM_UP = 20;
const AIM_P50_MS = 10;
const AIM_P95_MS = 30;

interface Person {
  user_id: string;
  email: string;
  phone: string;
  first_name: string;
  last_name: string;
}

/**
 * Texts that a person types: the beginning of an id, an address, a number or a name; both rare and
 * frequent ones.
 */
const TYPED: ((person: Person) => string)[] = [
  ({ user_id: id }) => id.slice(0, 9),
  ({ email }) => email.slice(0, 12),
  ({ phone }) => phone.slice(0, 8),
  ({ first_name: name }) => name.slice(0, 3),
  ({ last_name: name }) => name,
];

/** Reads the first page of the users, and runs searches that each find a user. */
export const measureLists = async (bench: Bench): Promise<RowReport> => {
  await bench.load(populationOf(bench.users));
  const { rows: people } = await bench.owner.query<Person>(
    `SELECT user_id, email, phone, first_name, last_name FROM users
      WHERE workspace_id = $1 ORDER BY user_id LIMIT $2`,
    [WORKSPACE, REQUESTS],
  );
  const searches = people.map((person, index) => TYPED[index % TYPED.length]?.(person) ?? '');
  const pages = await timeAll(
    bench,
    people.map(() => '/v1/users?limit=50'),
  );
  const found = await timeAll(
    bench,
    searches.map((text) => `/v1/users?q=${encodeURIComponent(text)}`),
  );
  const ofConsole = await measureConsolePages(bench);
  return {
    lines: [
      lineOf('first page of users', pages),
      lineOf('search by prefix', found),
      ...ofConsole.lines,
    ],
    raw: {
      console: ofConsole.raw,
      pageMs: pages,
      searchMs: found.map((elapsed, index) => [TYPED[index % TYPED.length]?.toString(), elapsed]),
    },
  };
};

const timeAll = async (bench: Bench, paths: readonly string[]): Promise<number[]> => {
  for (const path of paths.slice(0, WARM_UP)) await timeOf(bench, path);
  const times: number[] = [];
  for (const path of paths) times.push(await timeOf(bench, path));
  return times;
};

const timeOf = async (bench: Bench, path: string): Promise<number> => {
  const start = performance.now();
  const { data } = await bench.api.succeed<{ data: unknown[] }>('GET', path);
  const elapsed = performance.now() - start;
  if (data.length === 0) throw new Error('a page that should hold users is empty');
  return elapsed;
};

const lineOf = (what: string, times: number[]): Line => {
  const [p50, p95] = [percentile(times, 50), percentile(times, 95)];
  return {
    what,
    peer: '–',
    result: `p50 ${formatMs(p50)}, p95 ${formatMs(p95)}`,
    aim: `p50 ≤ ${AIM_P50_MS} ms, p95 ≤ ${AIM_P95_MS} ms`,
    isMet: p50 <= AIM_P50_MS && p95 <= AIM_P95_MS,
  };
};
