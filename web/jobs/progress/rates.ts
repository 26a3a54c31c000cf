import { secondsBetween } from '../../format/durations.ts';
import type { Job, Phase, PhaseRun } from '../job.ts';
import { isCounted } from './steps.ts';

/** How far a phase was at a time. Times are of the server, so that clocks need not agree. */
export interface Sample {
  phase: Phase;
  pass: number;
  /** Seconds since the phase began. */
  elapsed: number;
  processed: number;
}

/** A point of the chart. */
export interface RatePoint {
  /** Seconds since the first phase began. */
  at: number;
  /** Users or lines a second. */
  rate: number;
}

/** The rates of a job in numbers, beside the chart. */
export interface Rates {
  average: number;
  highest: number;
}

/** A chart needs no more. Above twice as many, each second sample is dropped. */
const MOST_SAMPLES = 120;

/** The samples with the present state of a job, where that is new. */
export const withSample = (samples: readonly Sample[], job: Job): readonly Sample[] => {
  const sample = sampleOf(job);
  const last = samples.at(-1);
  if (sample === undefined) return samples;
  const isSamePhase = last?.phase === sample.phase && last.pass === sample.pass;
  if (!isSamePhase) return thinned([...samples, sample]);
  if (sample.processed === last.processed) return samples;
  // A step that is tried again begins anew.
  if (sample.processed < last.processed) {
    return [...samples.filter((one) => !isOf(one, sample)), sample];
  }
  return thinned([...samples, sample]);
};

/**
 * Users a second over a job. Where nobody looked, as before the page was opened, it is the average
 * of the phase.
 */
export const ratePointsOf = (phases: readonly PhaseRun[], samples: readonly Sample[]) => {
  const [first] = phases;
  return phases
    .filter(({ phase }) => isCounted(phase))
    .flatMap((run): RatePoint[] => {
      const begin = secondsBetween(first?.startedAt ?? run.startedAt, run.startedAt);
      return pointsOf(run, samples).map(({ at, rate }) => ({ at: begin + at, rate }));
    });
};

/** The average is over the time of all phases that count; undefined before the first rate. */
export const ratesOf = (phases: readonly PhaseRun[], samples: readonly Sample[]) => {
  const points = phases
    .filter(({ phase }) => isCounted(phase))
    .map((run) => pointsOf(run, samples))
    .filter((own) => own.length > 0);
  const seconds = points.reduce((sum, own) => sum + (own.at(-1)?.at ?? 0), 0);
  if (seconds === 0) return undefined;
  const users = points.flatMap(areasOf).reduce((sum, area) => sum + area, 0);
  const rates: Rates = {
    average: users / seconds,
    highest: Math.max(...points.flat().map(({ rate }) => rate)),
  };
  return rates;
};

/** The users of each stretch between two points. The rate of a stretch stands at its end. */
const areasOf = (points: readonly RatePoint[]): number[] =>
  points.slice(1).map(({ at, rate }, index) => rate * (at - (points[index]?.at ?? 0)));

/** The points of one run, with seconds since it began. */
const pointsOf = (run: PhaseRun, samples: readonly Sample[]): RatePoint[] => {
  const own = samples
    .filter((sample) => isOf(sample, { phase: run.phase, pass: run.pass }))
    .map(({ elapsed, processed }) => ({ elapsed, processed }));
  const end = endOf(run);
  const last = own.at(-1);
  const isEndNew = end !== undefined && (last === undefined || end.elapsed > last.elapsed);
  const marks = isEndNew ? [...own, end] : own;
  const points = marks.map((mark, index) => {
    const before = marks[index - 1] ?? { elapsed: 0, processed: 0 };
    const seconds = mark.elapsed - before.elapsed;
    return {
      at: mark.elapsed,
      rate: seconds <= 0 ? 0 : (mark.processed - before.processed) / seconds,
    };
  });
  const [firstPoint] = points;
  return firstPoint === undefined ? [] : [{ at: 0, rate: firstPoint.rate }, ...points];
};

const endOf = ({ startedAt, finishedAt, processed }: PhaseRun) => {
  if (finishedAt === null || processed === 0) return undefined;
  return { elapsed: secondsBetween(startedAt, finishedAt), processed };
};

const sampleOf = ({ phase, progress }: Job): Sample | undefined => {
  const { pass, processed, ratePerSecond } = progress;
  if (phase === null || !isCounted(phase) || ratePerSecond === null || ratePerSecond <= 0) {
    return undefined;
  }
  return { phase, pass: pass ?? 1, processed, elapsed: processed / ratePerSecond };
};

const isOf = (sample: Pick<Sample, 'phase' | 'pass'>, other: Pick<Sample, 'phase' | 'pass'>) =>
  sample.phase === other.phase && sample.pass === other.pass;

const thinned = (samples: readonly Sample[]): readonly Sample[] =>
  samples.length <= 2 * MOST_SAMPLES
    ? samples
    : samples.filter((_, index) => index % 2 === 1 || index === samples.length - 1);
