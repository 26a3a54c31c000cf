import { formatSeconds, median } from './figures.ts';

/** What one run took. Whatever else was seen goes into the raw figures. */
export interface Run {
  seconds: number;
  [other: string]: unknown;
}

export interface Contender {
  name: string;
  /** Brings everything into the state it runs on; not timed. */
  prepare: () => Promise<void>;
  run: () => Promise<Run>;
}

export type Runs = Record<string, Run[]>;

/** Lets contenders run one after another, round by round, each round beginning with the next of them. */
export const contest = async (
  contenders: readonly Contender[],
  rounds: number,
  log: (line: string) => void,
): Promise<Runs> => {
  const runs: Runs = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender === undefined) continue;
      await contender.prepare();
      const run = await contender.run();
      log(`round ${round + 1}: ${contender.name} ${formatSeconds(run.seconds)}`);
      runs[contender.name]?.push(run);
    }
  }
  return runs;
};

export const medianSeconds = (runs: Runs, name: string): number =>
  median((runs[name] ?? []).map(({ seconds }) => seconds));
