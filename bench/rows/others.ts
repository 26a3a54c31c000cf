import { setTimeout as sleep } from 'node:timers/promises';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { deletePreviewed, previewDeletion } from '../deletion.ts';
import { formatMs, formatTimes, median, percentile } from '../figures.ts';
import { GOES, populationFor } from '../people.ts';
import type { RowReport } from '../report.ts';

/** A request each 20 ms, whether the one before has been answered or not: nobody waits for others. */
const INTERVAL_MS = 20;
const IDLE_MS = 10_000;
const SAMPLE = 1_000;
const AIM = 3;

/** Out of ten: seven look at a user, two change one who stays, one opens the first page. */
const requestOf = ({ api }: Bench, turn: number, userId: string): Promise<unknown> => {
  const path = `/v1/users/${userId}`;
  switch (turn % 10) {
    case 0:
    case 5:
      return api.succeed('PATCH', path, { city: `City ${turn}` });
    case 9:
      return api.succeed('GET', '/v1/users?limit=50');
    default:
      return api.succeed('GET', path);
  }
};

/** Sends traffic until told to stop. @returns how long each answer took, from when it was due */
const sendTraffic = async (bench: Bench, ids: readonly string[], signal: AbortSignal) => {
  const start = performance.now();
  const open: Promise<number>[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    const due = start + turn * INTERVAL_MS;
    await sleep(Math.max(due - performance.now(), 0));
    const sent = requestOf(bench, turn, ids[turn % ids.length] ?? '');
    open.push(sent.then(() => performance.now() - due));
  }
  return Promise.all(open);
};

const during = async <Result>(
  bench: Bench,
  ids: readonly string[],
  run: () => Promise<Result>,
): Promise<number[]> => {
  const stop = new AbortController();
  const traffic = sendTraffic(bench, ids, stop.signal);
  try {
    await run();
  } finally {
    stop.abort();
  }
  return traffic;
};

/** What readers and writers notice of a deletion of everyone who goes, in the same workspace. */
export const measureOthers = async (bench: Bench): Promise<RowReport> => {
  const rounds: { idle: number[]; busy: number[] }[] = [];
  for (let round = 1; round <= bench.rounds; round++) {
    await bench.load(populationFor(bench.users));
    const { rows } = await bench.owner.query<{ user_id: string }>(
      `SELECT user_id FROM users WHERE workspace_id = $1 AND NOT (${GOES.sql}) LIMIT $2`,
      [WORKSPACE, SAMPLE],
    );
    const ids = rows.map((row) => row.user_id);
    const idle = await during(bench, ids, () => sleep(IDLE_MS));
    const preview = await previewDeletion(bench);
    const busy = await during(bench, ids, () => deletePreviewed(bench, preview));
    const [quiet, loud] = [percentile(idle, 95), percentile(busy, 95)];
    bench.log(`round ${round}: p95 idle ${formatMs(quiet)}, during a deletion ${formatMs(loud)}`);
    rounds.push({ idle, busy });
  }
  const idle = median(rounds.map((round) => percentile(round.idle, 95)));
  const busy = median(rounds.map((round) => percentile(round.busy, 95)));
  return {
    lines: [
      {
        what: "everyone else's requests during a deletion, p95",
        peer: 'the same requests, idle',
        result: `${formatTimes(busy / idle)} (${formatMs(busy)} to ${formatMs(idle)})`,
        aim: `≤ ${formatTimes(AIM)}`,
        isMet: busy / idle <= AIM,
      },
    ],
    raw: rounds,
  };
};
