import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { deletePreviewed, previewDeletion } from '../deletion.ts';
import { formatMegabytes, formatSeconds, formatTimes, median } from '../figures.ts';
import { largestBytes, runJob, type JobRun } from '../keepsake-job.ts';
import { populationFor, settle } from '../people.ts';
import type { Line, RowReport } from '../report.ts';

const FACTOR = 5;
const AIM_GROWTH = 5.25;
const AIM_BYTES = 300e6;

/** The runs of each job with one number of users. */
interface Size {
  users: number;
  export: JobRun[];
  deletion: JobRun[];
}

/** Measures whether time grows with the users and memory does not. */
export const measureGrowth = async (bench: Bench): Promise<RowReport> => {
  const small = await measureSize(bench, bench.users);
  const large = await measureSize(bench, FACTOR * bench.users);
  return {
    lines: [...linesOf('export', small, large), ...linesOf('deletion', small, large)],
    raw: { small, large },
  };
};

const measureSize = async (bench: Bench, users: number): Promise<Size> => {
  const size: Size = { users, export: [], deletion: [] };
  const selection = { type: 'all' };
  for (let round = 1; round <= bench.rounds; round++) {
    await bench.load(populationFor(users));
    const exported = await runJob(bench, '/v1/exports', { selection });
    size.export.push(exported.run);
    const preview = await previewDeletion(bench);
    await settle(bench.owner, WORKSPACE);
    const deleted = await deletePreviewed(bench, preview);
    size.deletion.push(deleted.run);
    const seconds = [exported, deleted].map(({ run }) => formatSeconds(run.seconds));
    bench.log(`round ${round}: export ${seconds[0]}, deletion ${seconds[1]}`);
  }
  return size;
};

const linesOf = (kind: 'export' | 'deletion', small: Size, large: Size): Line[] => {
  const times = [secondsOf(small[kind]), secondsOf(large[kind])] as const;
  const peaks = [peakOf(small[kind]), peakOf(large[kind])] as const;
  const [from, to] = [small, large].map(({ users }) => users.toLocaleString('en'));
  return [
    {
      what: `${kind}: growth from ${from} to ${to}`,
      peer: '–',
      result: `${formatTimes(times[1] / times[0])} (${formatSeconds(times[1])} to ${formatSeconds(times[0])})`,
      aim: `≤ ${formatTimes(AIM_GROWTH)}`,
      isMet: times[1] / times[0] <= AIM_GROWTH,
    },
    {
      what: `${kind}: memory of the largest process, ${from} and ${to}`,
      peer: '–',
      result: peaks.map(formatMegabytes).join(' and '),
      aim: `≤ ${formatMegabytes(AIM_BYTES)}, flat`,
      isMet: Math.max(...peaks) <= AIM_BYTES,
    },
  ];
};

const secondsOf = (runs: JobRun[]): number => median(runs.map(({ seconds }) => seconds));

const peakOf = (runs: JobRun[]): number => Math.max(...runs.map(largestBytes));
