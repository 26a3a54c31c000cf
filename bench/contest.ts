import type { Bench } from './bench-stack.ts';
import { formatSeconds, median } from './figures.ts';
import { processorTimes, usedBetween, type ProcessorTimes } from './usage.ts';

/** The time of one run. All other figures go into the raw data. */
export interface Run {
  seconds: number;
  [other: string]: unknown;
}

export interface Contender {
  name: string;
  /** Prepares the state that the run needs. Not timed. */
  prepare: () => Promise<void>;
  run: () => Promise<Run>;
}

/** Runs by contender. Each has the processor time used during it, by process and in seconds. */
export type Runs = Record<string, (Run & { processor: ProcessorTimes })[]>;

/**
 * Runs the contenders one after another, in several rounds. Each round begins with the next
 * contender.
 */
export const contest = async (bench: Bench, contenders: readonly Contender[]): Promise<Runs> => {
  const runs: Runs = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < bench.rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender === undefined) continue;
      await contender.prepare();
      const before = timesOf(bench);
      const run = await contender.run();
      const processor = usedBetween(before, timesOf(bench));
      const used = Object.values(processor).reduce((sum, seconds) => sum + seconds, 0);
      bench.log(
        `round ${round + 1}: ${contender.name} ${formatSeconds(run.seconds)}, ` +
          `${formatSeconds(used)} of processor time`,
      );
      runs[contender.name]?.push({ ...run, processor });
    }
  }
  return runs;
};

export const medianSeconds = (runs: Runs, name: string): number =>
  median((runs[name] ?? []).map(({ seconds }) => seconds));

const timesOf = ({ info }: Bench): ProcessorTimes => {
  const { worker = 0, api = 0, temporal = 0, postgres = 0 } = info().pids;
  return processorTimes({ worker, api, temporal, postgres });
};
