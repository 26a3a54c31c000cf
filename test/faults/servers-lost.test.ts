import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Job } from '../../local/api-client.ts';
import { sendSignal } from '../../local/processes/stop-process.ts';
import { allDeleted, prepareTrial, type FaultTrial } from '../support/stack/fault-trial.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { waitUntil } from '../support/wait.ts';

const stack = useOwnStack();

const USERS = 50_000;
const FINAL_STATES = ['succeeded', 'partiallySucceeded', 'failed', 'cancelled'];

/** Slows down each batch of the workspace's deletions, so that a fault can occur during it. */
const slowDown = ({ workspaceId }: FaultTrial) =>
  stack().sql(`CREATE FUNCTION slow_${workspaceId}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$;
    CREATE TRIGGER slow AFTER DELETE ON users_${workspaceId}
      FOR EACH STATEMENT EXECUTE FUNCTION slow_${workspaceId}()`);

/** Waits until the job satisfies `isWanted`. Servers may be away meanwhile. */
const waitFor = async (
  { admin }: FaultTrial,
  id: string,
  isWanted: (job: Job) => boolean,
): Promise<Job> => {
  for (;;) {
    const answer = await admin.call<Job>('GET', `/v1/jobs/${id}`).catch(() => undefined);
    if (answer?.status === 200 && isWanted(answer.body)) return answer.body;
    await sleep(50);
  }
};

/** Sends a signal to a process of the stack, once it runs: it may be between two starts. */
const strikeAt = async (
  name: 'worker' | 'temporal' | 'postgres',
  signal: NodeJS.Signals,
): Promise<void> => {
  sendSignal(await waitUntil(() => stack().stack.info().pids[name]), signal);
};

/** Ends every connection to the database except its own. */
const cutConnections = () =>
  stack().sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);

const FAULTS: [name: string, workspace: string, strike: () => unknown][] = [
  ['every connection to PostgreSQL ended', 'cut', cutConnections],
  ['PostgreSQL stopped immediately', 'immediate', () => strikeAt('postgres', 'SIGQUIT')],
  ['Temporal killed', 'temporal', () => strikeAt('temporal', 'SIGKILL')],
  ['the worker asked to stop', 'sigterm', () => strikeAt('worker', 'SIGTERM')],
];

test.each(FAULTS)(
  'with %s during backup and deletion, the job still deletes all its users',
  async (_name, workspaceId, strike) => {
    const trial = await prepareTrial(stack(), workspaceId, USERS);
    await slowDown(trial);
    const id = await trial.start();
    await waitFor(trial, id, ({ phase }) => phase !== null);
    await strike();
    await waitFor(
      trial,
      id,
      ({ phase, state }) => phase === 'deleting' || FINAL_STATES.includes(state),
    );
    await strike();
    const job = await waitFor(trial, id, ({ state }) => FINAL_STATES.includes(state));
    expect(job).toMatchObject(allDeleted(trial));
    await expectInvariants(trial);
  },
  180_000,
);
