import { Client, Connection } from '@temporalio/client';
import type { LocalInfo } from '../../../local/stack.ts';
import { SWEEP, SWEEP_SIGNALS } from '../../../workflows/contracts/jobs.ts';
import { serveOnce, type ServedPart } from '../serve-once.ts';
import { startTestStack } from './start-test-stack.ts';

export interface SharedStackInfo {
  info: LocalInfo;
  dataDir: string;
}

/**
 * Serves one stack for the files of a run: it answers with {@link SharedStackInfo}. Its sweep is
 * paused, because it would end the running jobs that tests insert without a workflow.
 */
export const serveSharedStack = (): Promise<ServedPart> =>
  serveOnce(startWithoutSweep, ({ stack, dataDir }): SharedStackInfo => ({
    info: stack.info(),
    dataDir,
  }));

const startWithoutSweep = async () => {
  const started = await startTestStack();
  try {
    await pauseSweep(started.stack.info().temporal);
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
};

const pauseSweep = async (address: string): Promise<void> => {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection });
    await client.workflow.getHandle(SWEEP.id).signal(SWEEP_SIGNALS.pause);
  } finally {
    await connection.close();
  }
};
