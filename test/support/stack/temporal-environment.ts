import { setTimeout } from 'node:timers/promises';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { findCli, findTimeSkippingServer } from './temporal-programs.ts';

/**
 * The SDK chooses the server's port before the server opens it, and waits only some seconds for the
 * server. If another process has taken the port, or the machine is busy, no server answers.
 */
const START_DEADLINE_MS = 15_000;
const START_ATTEMPTS = 3;

/** A Temporal server whose clock runs only when a test lets it. */
export const startTimeSkipping = async (): Promise<TestWorkflowEnvironment> => {
  const server = await programAt(findTimeSkippingServer);
  return startPatiently(() => TestWorkflowEnvironment.createTimeSkipping({ server }));
};

/** Temporal's dev server in real time, with further arguments for its program. */
export const startLocal = async (...extraArgs: string[]): Promise<TestWorkflowEnvironment> => {
  const server = { ...(await programAt(findCli)), extraArgs };
  return startPatiently(() => TestWorkflowEnvironment.createLocal({ server }));
};

const programAt = async (find: () => Promise<string>) => ({
  executable: { type: 'existing-path' as const, path: await find() },
});

/** @throws the error of the last attempt */
const startPatiently = async (
  start: () => Promise<TestWorkflowEnvironment>,
): Promise<TestWorkflowEnvironment> => {
  for (let attempt = 1; ; attempt++) {
    const deadline = new AbortController();
    const { signal } = deadline;
    const starting = start();
    const tooLate = setTimeout(START_DEADLINE_MS, undefined, { signal }).then(() => {
      throw new Error("Temporal's test server does not answer");
    });
    try {
      return await Promise.race([starting, tooLate]);
    } catch (error) {
      // A server that starts late must still be stopped.
      void starting.then((late) => late.teardown()).catch(() => {});
      if (attempt === START_ATTEMPTS) throw error;
    } finally {
      deadline.abort();
    }
  }
};
