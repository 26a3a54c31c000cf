import {
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import { SWEEP, SWEEP_SIGNALS, type SweepInput } from './contracts/jobs.ts';
import { startQueuedJobs } from './activity-proxies.ts';

/** After this number of sweeps the workflow continues as new, so that its history stays short. */
const SWEEPS_OF_A_RUN = 360;

/**
 * The sweep, once a minute: starts the jobs, requests and deliveries that a crash left behind, and
 * ends those whose workflow has ended. It is one endless workflow, so that the list of workflows
 * stays short.
 */
export const startQueued = async (given: SweepInput = {}): Promise<void> => {
  const state = { isPaused: false, isAsked: false, ...given };
  setHandler(defineSignal(SWEEP_SIGNALS.now), () => void (state.isAsked = true), {
    description: 'Sweeps at once, also while it is paused',
  });
  setHandler(defineSignal(SWEEP_SIGNALS.pause), () => void (state.isPaused = true), {
    description: 'Sweeps no more until it is resumed',
  });
  setHandler(defineSignal(SWEEP_SIGNALS.resume), () => void (state.isPaused = false), {
    description: 'Sweeps every minute again',
  });
  for (let count = 0; count < SWEEPS_OF_A_RUN; count++) {
    const isDue = state.isAsked || !state.isPaused;
    state.isAsked = false;
    if (isDue) await sweep();
    await condition(() => state.isAsked, SWEEP.every, { summary: 'until the next sweep' });
  }
  await continueAsNew<typeof startQueued>(state);
};

/** Reports a failed sweep in Temporal's UI. The next sweep tries again. */
const sweep = async (): Promise<void> => {
  try {
    const { started, ended } = await startQueuedJobs();
    setCurrentDetails(`The last sweep started ${started} and ended ${ended}.`);
  } catch (error) {
    if (isCancellation(error)) throw error;
    setCurrentDetails('The last sweep has **failed**: its activity says why.');
  }
};
