import { activityInfo } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll } from 'vitest';
import { createActivities } from '../../../activities/activities.ts';
import { startRequestWorkflow } from '../../../temporal/start-request.ts';
import { addSearchAttributes } from '../../../worker/registration.ts';
import { type Activities } from '../../../workflows/contracts/activities.ts';
import {
  noticeOf,
  requestWorkflowIdOf,
  type MessageKind,
  type RequestNotice,
  type RequestState,
} from '../../../workflows/contracts/delete-all.ts';
import { saveDeleteAllSettings } from '../../../db/delete-all/delete-all-settings.ts';
import { fakeDecideDeps, TEST_SECRET } from '../steps/activity-deps.ts';
import { useDatabase, type TestDatabase } from '../database/database.ts';
import { setDecisionTime } from '../database/decision-clock.ts';
import { createRequestSteps, DAY_MS, seedPeople } from '../steps/delete-all.ts';
import { startMailRecorder } from '../http/mail-recorder.ts';
import { startLocal, startTimeSkipping } from './temporal-environment.ts';
import { WORKFLOW_BUNDLE } from './builds.ts';
import { installQuietRuntime } from './quiet-runtime.ts';
import { waitUntil } from '../wait.ts';

const TASK_QUEUE = 'test';
const HOUR_MS = DAY_MS / 24;

const TIMES = { remindAfterMs: DAY_MS, closingRemindersMs: [24 * HOUR_MS, 2 * HOUR_MS] };
const SETTINGS = {
  percent: 90,
  memoryMs: DAY_MS,
  lapseMs: 14 * DAY_MS,
  windowMs: 3 * DAY_MS,
  ...TIMES,
};
const KEY_ID = /^[0-9a-f-]{36}$/;

/** The end of the next run, which replaces a real deletion. */
export interface PlannedEnd {
  state: 'succeeded' | 'partiallySucceeded' | 'failed' | 'cancelled';
  deleted: number;
  /** The run continues until this promise resolves. */
  after?: Promise<unknown>;
}

/**
 * Number of events after which the dev server of `useShortHistories` suggests to continue as new.
 */
export const SUGGESTED_EVENTS = 120;

/**
 * A Temporal server whose clock runs only when a test lets it. Workflows and decisions use its
 * time; the rest of PostgreSQL, and activities, use the real time.
 */
export const useTimeSkipping = () => useRequests(startTimeSkipping);

/** The dev server, with an early suggestion to continue as new. */
export const useShortHistories = () => {
  const limit = `limit.historyCount.suggestContinueAsNew=${SUGGESTED_EVENTS}`;
  return useRequests(() => startLocal('--dynamic-config-value', limit));
};

/** Requests on a Temporal server of their own, with a worker on a real database. */
const useRequests = (start: () => Promise<TestWorkflowEnvironment>) => {
  const database = useDatabase();
  let started: Awaited<ReturnType<typeof startEnvironment>> | undefined;
  let count = 0;

  beforeAll(async () => {
    started = await startEnvironment(database(), start);
  });
  afterAll(() => started?.stop());

  const current = () => {
    if (started === undefined) throw new Error('the environment is there from beforeAll on');
    return started;
  };

  /**
   * Sends a request in a new workspace with three users, and waits until all mails are sent. While
   * a test lets the clock run, it runs past the time-outs of pending work.
   */
  const ask = async (changes: Partial<typeof SETTINGS> = {}, isMailed = true) => {
    const { env, provider } = current();
    await saveDeleteAllSettings(database().owner.db, { ...SETTINGS, ...changes });
    await setDecisionTime(database().owner, await env.currentTimeMs());
    const steps = createRequestSteps(database());
    count += 1;
    const people = await seedPeople(database(), `w-${count}`);
    const { workspaceId } = people;
    await database().owner.pool.query(
      `INSERT INTO users (workspace_id, user_id) SELECT $1, 'u-' || generate_series(1, 3)`,
      [workspaceId],
    );
    const id = await steps.insert(people);
    await startRequestWorkflow(env.client, TASK_QUEUE, { id, workspaceId });
    const handle = env.client.workflow.getHandle(requestWorkflowIdOf(id));
    const until = (state: string) =>
      waitUntil(async () => (await steps.request(id)).state === state);
    const mailed = (kind: RequestNotice) => waitUntil(() => steps.isMailed(id, kind));
    const isClaimed = async () => (await steps.request(id)).run_id !== null;
    await (isMailed ? mailed('asked') : waitUntil(isClaimed));
    return {
      id,
      people,
      steps,
      handle,
      until,
      mailed,
      /** Waits until the request has this state, all mails are sent, and the workflow has ended. */
      ends: async (state: RequestState) => {
        await until(state);
        await mailed(noticeOf(state) ?? 'asked');
        return handle.result();
      },
      /** Sets the time of further decisions, except those of the workflow. */
      at: (time: number) => setDecisionTime(database().owner, time),
      /** Lets the clock run. */
      sleep: (ms: number) => env.sleep(ms),
      request: () => steps.request(id),
      /** The refusal of each message; null for an accepted message. */
      refusals: async () => (await steps.decisions(id)).map(({ refusal }) => refusal),
      /**
       * Sends a message and waits until one more decision was made. A message with `by` gets the
       * code that was mailed to the owner of that key.
       */
      send: async (kind: string, message: unknown) => {
        const before = (await steps.decisions(id)).length;
        const { by, decisionId } = Object(message) as { by?: unknown; decisionId?: unknown };
        const isCoded = typeof by === 'string' && KEY_ID.test(by) && decisionId === undefined;
        const code = isCoded && { code: await steps.codeOf(id, kind as MessageKind, by) };
        await handle.signal(kind, isCoded ? { ...Object(message), ...code } : message);
        const isDecided = async () => (await steps.decisions(id)).length > before;
        await waitUntil(isDecided);
      },
      /** Subjects of the accepted mails to a person of the workspace. */
      mailsTo: (person: string) =>
        provider.mails
          .filter(({ to, isAccepted }) => isAccepted && to === `${person}@${workspaceId}.example`)
          .map(({ subject }) => subject.replace(` (${workspaceId})`, '')),
      /** Starts a run as the API does: a preview, a row, a message. */
      run: async (by: string = people.bob) => {
        const previewId = await steps.preview(people, id);
        const decisionId = await steps.insertDecision(id, 'run', { by, previewId });
        await handle.signal('run', { decisionId });
        return decisionId;
      },
    };
  };
  /** Sets the end of the next run. Returns whether a run has taken it. */
  const plan = (end: PlannedEnd) => {
    const { plans } = current();
    plans.push(end);
    return () => !plans.includes(end);
  };
  return { ask, plan, provider: () => current().provider, env: () => current().env, database };
};

const startEnvironment = async (
  database: TestDatabase,
  start: () => Promise<TestWorkflowEnvironment>,
) => {
  installQuietRuntime();
  const provider = await startMailRecorder();
  const env = await start();
  await addSearchAttributes(env.client, 'default');
  const deps = fakeDecideDeps(database.app);
  const config = {
    ...deps.config,
    publicUrl: 'https://keepsake.example',
    linkSecret: TEST_SECRET,
    mailFrom: 'Keepsake <k@keepsake.example>',
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
    activities: withPlans(atWorkflowTime(activities, database), database, plans),
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
 * Applies planned ends: a job is ended before its own workflow claims it. Each job takes one plan,
 * and ends once, although a claim that lasts longer than its time limit is attempted again.
 */
const withPlans = (activities: Activities, database: TestDatabase, plans: PlannedEnd[]) => {
  const ends = new Map<string, Promise<void>>();
  const applyPlan = async (jobId: string): Promise<void> => {
    const plan = plans.shift();
    if (plan === undefined) return;
    await plan.after;
    await createRequestSteps(database).endJob(jobId, plan.state, plan.deleted);
  };
  return {
    ...activities,
    claimJob: async (input: Parameters<Activities['claimJob']>[0]) => {
      const end = ends.get(input.jobId) ?? applyPlan(input.jobId);
      ends.set(input.jobId, end);
      await end;
      return activities.claimJob(input);
    },
  };
};

/**
 * Makes the database decide at the time of the calling workflow, which is ahead of the real time.
 */
const atWorkflowTime = (activities: Activities, { owner }: TestDatabase): Activities => {
  const atItsTime =
    <Input, Result>(step: (input: Input) => Promise<Result>) =>
    async (input: Input): Promise<Result> => {
      await setDecisionTime(owner, activityInfo().currentAttemptScheduledTimestampMs);
      return step(input);
    };
  return {
    ...activities,
    claimRequest: atItsTime(activities.claimRequest),
    decideRequest: atItsTime(activities.decideRequest),
    decideWritten: atItsTime(activities.decideWritten),
  };
};
