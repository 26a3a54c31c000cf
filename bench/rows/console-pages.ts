import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench-stack.ts';
import { formatMs, percentile } from '../figures.ts';
import type { Line, RowReport } from '../report.ts';

/** Pages that the console shows after each change of the search, the filter or the order. */
const AIM_P95_MS = 300;
const PAGES_FORWARD = 3;
const LIMIT = 50;
const SORTS = ['userId', '-userId', 'createdAt', '-createdAt'];

/** Of nearly all, of many, of few and of no users: the last ones read the whole table. */
const FILTERS: Readonly<Record<string, object | undefined>> = {
  none: undefined,
  'a seventh': { field: 'country', op: 'is', value: 'IN' },
  'a custom property': { field: 'properties.plan', op: 'is', value: 'plus' },
  'three conditions': {
    and: [
      { field: 'properties.ltv', op: 'gt', value: 4_500 },
      { field: 'tags', op: 'contains', value: 'beta' },
      { field: 'properties.lastSeenAt', op: 'lt', value: '2024-06-01T00:00:00Z' },
    ],
  },
  few: { field: 'email', op: 'contains', value: 'abcdef' },
  nobody: { field: 'city', op: 'is', value: 'Nowhere' },
};

/** How often a person that types changes the filter. */
const TYPING_MS = 100;
const FIRST_PAGES = 100;
const TYPED = 'nowhere at all';

interface Page {
  nextCursor: string | null;
  prevCursor: string | null;
}

/** Reads pages of each filter in each order, forward and back, and first pages while one types. */
export const measureConsolePages = async (bench: Bench): Promise<RowReport> => {
  const timesByFilter: Record<string, number[]> = {};
  for (const [name, filter] of Object.entries(FILTERS)) {
    timesByFilter[name] = [];
    for (const sort of SORTS) timesByFilter[name].push(...(await walk(bench, { filter, sort })));
  }
  const all = Object.values(timesByFilter).flat();
  const whileTyping = await readWhileTyping(bench);
  return {
    lines: [
      lineOf('each page of the console', all),
      lineOf('first page, while another person types a filter', whileTyping),
    ],
    raw: { timesByFilter, whileTyping },
  };
};

const pathOf = (query: Record<string, string | undefined>): string => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  return `/v1/users?${new URLSearchParams(given).toString()}`;
};

/** The times of some pages forward, and of the same pages back. */
const walk = async (
  bench: Bench,
  { filter, sort }: { filter: object | undefined; sort: string },
): Promise<number[]> => {
  const query = { limit: String(LIMIT), sort, ...(filter && { filter: JSON.stringify(filter) }) };
  const times: number[] = [];
  const read = async (cursor: string | null): Promise<Page> => {
    const start = performance.now();
    const page = await bench.api.succeed<Page>(
      'GET',
      pathOf({ ...query, ...(cursor !== null && { cursor }) }),
    );
    times.push(performance.now() - start);
    return page;
  };
  let page = await read(null);
  for (let n = 0; n < PAGES_FORWARD && page.nextCursor !== null; n++) {
    page = await read(page.nextCursor);
  }
  while (page.prevCursor !== null) page = await read(page.prevCursor);
  return times;
};

/** Times of first pages while a filter that matches nobody is typed, and each try is dropped. */
const readWhileTyping = async (bench: Bench): Promise<number[]> => {
  const over = new AbortController();
  const typing = type(bench, over.signal);
  const times: number[] = [];
  try {
    for (let n = 0; n < FIRST_PAGES; n++) {
      const start = performance.now();
      await bench.api.succeed('GET', pathOf({ limit: String(LIMIT) }));
      times.push(performance.now() - start);
      await sleep(TYPING_MS / 2);
    }
  } finally {
    over.abort();
    await typing;
  }
  return times;
};

const type = async ({ info, key }: Bench, over: AbortSignal): Promise<void> => {
  const headers = { authorization: `Bearer ${key}` };
  for (let length = 1; !over.aborted; length = (length % TYPED.length) + 1) {
    const filter = JSON.stringify({ field: 'city', op: 'contains', value: TYPED.slice(0, length) });
    const last = new AbortController();
    const requests = [
      pathOf({ limit: '50', filter }),
      pathOf({ limit: '1', filter, count: 'exact' }),
    ]
      .map((path) => fetch(`${info().api}${path}`, { headers, signal: last.signal }))
      .map((response) => response.then((answer) => answer.text()).catch(() => undefined));
    await sleep(TYPING_MS);
    last.abort();
    await Promise.all(requests);
  }
};

const lineOf = (what: string, times: number[]): Line => {
  const p95 = percentile(times, 95);
  return {
    what,
    peer: '–',
    result: `p50 ${formatMs(percentile(times, 50))}, p95 ${formatMs(p95)}`,
    aim: `p95 ≤ ${AIM_P95_MS} ms`,
    isMet: p95 <= AIM_P95_MS,
  };
};
