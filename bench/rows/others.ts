import { setTimeout as sleep } from 'node:timers/promises';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { deletePreviewed, previewDeletion } from '../deletion.ts';
import { formatMs, formatTimes, median, percentile } from '../figures.ts';
import { GOES, populationFor } from '../people.ts';
import type { RowReport } from '../report.ts';
import { withTraffic } from '../traffic.ts';

const IDLE_MS = 10_000;
const SAMPLE = 1_000;
const AIM = 3;

/** Measures how a large deletion slows down readers and writers of the same workspace. */
export const measureOthers = async (bench: Bench): Promise<RowReport> => {
  const rounds: { idle: number[]; busy: number[] }[] = [];
  for (let round = 1; round <= bench.rounds; round++) {
    await bench.load(populationFor(bench.users));
    const { rows } = await bench.owner.query<{ user_id: string }>(
      `SELECT user_id FROM users WHERE workspace_id = $1 AND NOT (${GOES.sql}) LIMIT $2`,
      [WORKSPACE, SAMPLE],
    );
    const ids = rows.map((row) => row.user_id);
    const { times: idle } = await withTraffic(bench, ids, () => sleep(IDLE_MS));
    const preview = await previewDeletion(bench);
    const { times: busy } = await withTraffic(bench, ids, () => deletePreviewed(bench, preview));
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
