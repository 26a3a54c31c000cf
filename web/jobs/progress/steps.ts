import { secondsBetween } from '../../format/durations.ts';
import { isActive, type Job, type JobType, type Phase, type PhaseRun } from '../job.ts';

/** A step of a job as the page shows it. */
export interface Step {
  phase: Phase;
  state: 'done' | 'active' | 'waiting' | 'stopped';
  /** The time it took, or has taken so far; null before it begins. */
  seconds: number | null;
  /** From 0 to 1, for the active step; null where nothing is counted. */
  share: number | null;
}

/** The steps of one pass over the users. A job without passes has one. */
export interface Pass {
  number: number;
  /** The users of the pass; null while they are not counted. */
  total: number | null;
  steps: Step[];
}

/** The phases of each pass, in their order. */
const PHASES_OF: Readonly<Record<JobType, readonly Phase[]>> = {
  export: ['exporting', 'verifying'],
  import: ['checking', 'importing'],
  deletion: ['backingUp', 'verifyingBackup', 'deleting'],
  restore: ['verifyingBackup', 'restoring'],
};

/** A phase that is shown only if it takes time. */
const SETTLING_SECONDS = 1;

/**
 * The steps of a job: those that ran, and those that follow if all goes well. The mail is the last
 * step of the last pass.
 */
export const passesOf = (job: Job, isMailed: boolean, nowMs: number): Pass[] => {
  const runs = job.phases.filter(({ phase }) => phase !== 'notifying');
  const numbers = [...new Set([1, ...runs.map(({ pass }) => pass)])].toSorted((a, b) => a - b);
  return numbers.map((number) => {
    const own = runs.filter(({ pass }) => pass === number);
    const isLast = number === numbers.at(-1);
    const steps = stepsOf(job, own, isLast, nowMs);
    return {
      number,
      total: own.findLast(({ total }) => total !== null)?.total ?? null,
      steps: isLast && isMailed ? [...steps, mailStepOf(job, nowMs)] : steps,
    };
  });
};

/** How far the present step is, from 0 to 1; null where that is not known. */
export const shareOf = ({ progress: { processed, total }, phase }: Job): number | null =>
  total === null || total === 0 || !isCounted(phase) ? null : Math.min(1, processed / total);

/** Whether users or lines are counted in a phase. Others work on files. */
export const isCounted = (phase: Phase | null): boolean =>
  phase !== null && COUNTED.includes(phase);

const COUNTED: readonly Phase[] = [
  'exporting',
  'checking',
  'importing',
  'backingUp',
  'deleting',
  'restoring',
];

const stepsOf = (job: Job, runs: readonly PhaseRun[], isLast: boolean, nowMs: number): Step[] => {
  const planned = PHASES_OF[job.type].map((phase) => {
    const run = runs.findLast((one) => one.phase === phase);
    return run === undefined ? notRun(job, phase, isLast) : stepOf(job, run, nowMs);
  });
  const settling = runs.findLast(({ phase }) => phase === 'settling');
  if (settling === undefined) return planned;
  const step = stepOf(job, settling, nowMs);
  const isShown = step.state === 'active' || (step.seconds ?? 0) >= SETTLING_SECONDS;
  return isShown ? [...planned, step] : planned;
};

const stepOf = (job: Job, run: PhaseRun, nowMs: number): Step => ({
  phase: run.phase,
  state: stateOf(job, run),
  seconds: secondsBetween(run.startedAt, run.finishedAt ?? job.finishedAt, nowMs),
  share: run.finishedAt === null && isActive(job) ? shareOf(job) : null,
});

const stateOf = (job: Job, run: PhaseRun): Step['state'] => {
  if (run.finishedAt === null && isActive(job)) return 'active';
  // The phase in which a job fails or is stopped ends with the job.
  const isInterrupted = job.state === 'failed' || job.state === 'cancelled';
  const isLast = job.phases.findLast(({ phase }) => isPlanned(job, phase)) === run;
  return isInterrupted && isLast && isCutOff(job) ? 'stopped' : 'done';
};

const isPlanned = ({ type }: Job, phase: Phase): boolean => PHASES_OF[type].includes(phase);

/** Whether a job ended within a phase: its users without an outcome were not reached. */
const isCutOff = ({ counts, state }: Job): boolean =>
  state === 'failed' || (counts !== null && 'unprocessed' in counts && counts.unprocessed > 0);

const notRun = (job: Job, phase: Phase, isLast: boolean): Step => ({
  phase,
  state: isActive(job) && isLast ? 'waiting' : 'stopped',
  seconds: null,
  share: null,
});

const mailStepOf = (job: Job, nowMs: number): Step => {
  const run = job.phases.findLast(({ phase }) => phase === 'notifying');
  const isAccepted = job.mail.some(({ state }) => state === 'accepted');
  const isRefused = job.mail.some(({ state }) => state === 'refused' || state === 'givenUp');
  const state = isAccepted
    ? 'done'
    : isRefused
      ? 'stopped'
      : run !== undefined && isActive(job)
        ? 'active'
        : 'waiting';
  return {
    phase: 'notifying',
    state,
    seconds: run === undefined ? null : secondsBetween(run.startedAt, run.finishedAt, nowMs),
    share: null,
  };
};
