import {
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import { SWEEP, SWEEP_SIGNALS, type SweepInput } from './contract.ts';
import { startQueuedJobs } from './steps.ts';

/** After so many the workflow goes on in a new run, so that no history grows long. */
const SWEEPS_OF_A_RUN = 360;

/** A sweep that fails is told, and the next one tries again. */
const sweep = async (): Promise<void> => {
  try {
    const { started, ended } = await startQueuedJobs();
    setCurrentDetails(`The last sweep started ${started} and ended ${ended}.`);
  } catch (error) {
    if (isCancellation(error)) throw error;
    setCurrentDetails('The last sweep has **failed**: its activity says why.');
  }
};

/**
 * The sweep: starts jobs and requests a crash left behind, ends those whose workflow is no more. It
 * runs for ever, and sweeps every minute; one workflow, so that it does not fill the list of
 * workflows.
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
