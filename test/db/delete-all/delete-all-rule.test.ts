import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { beforeAll, expect, test } from 'vitest';
import { revokeApiKey } from '../../../db/api-keys.ts';
import {
  isUnfinished,
  MESSAGE_KINDS,
  REQUEST_STATES,
  type DecisionKind,
  type RequestState,
} from '../../../workflows/contracts/delete-all.ts';
import { isOver, isUsable, isWindowOpen, refuseDecider } from '../../../rules/delete-all.ts';
import { useDatabase } from '../../support/database/database.ts';
import { setDecisionTime } from '../../support/database/decision-clock.ts';
import {
  ASKED_AT,
  createRequestSteps,
  seedPeople,
  type People,
} from '../../support/steps/delete-all.ts';

/**
 * The rules as a table of the diagram in docs/architecture.md, compared with the database's rules.
 */

const database = useDatabase();

const KINDS = [...MESSAGE_KINDS, 'lapse', 'expire', 'finish', 'stop'] as const;
type Kind = (typeof KINDS)[number];

/** The arrows of the diagram. `stop` is the end of a workflow by an operator. */
const ARROWS = new Set([
  'requested approve open',
  'requested deny denied',
  'requested withdraw withdrawn',
  'requested lapse lapsed',
  'requested stop cancelled',
  'open run running',
  'open retry running',
  'open withdraw withdrawn',
  'open revoke revoked',
  'open expire expired',
  'open stop cancelled',
  'running finish completed',
  'running finish completedWithFailures',
  'running finish failed',
  'running finish cancelled',
  'running finish open',
  'running finish expired',
  'failed retry running',
  'failed revoke revoked',
  'failed withdraw withdrawn',
  'completedWithFailures retry running',
  'completedWithFailures revoke revoked',
  'completedWithFailures withdraw withdrawn',
]);

const LAPSES_AT = 1_000;
const WINDOW = 300;

const DECIDERS = [
  'pia',
  'paul',
  'bob',
  'stranger',
  'ole',
  'adaOfPlatform',
  'gone',
  'nobody',
] as const;
type DeciderName = (typeof DECIDERS)[number];
const PREVIEWS = ['usable', 'missing', 'expired', 'used'] as const;
const RUNS = [
  ['running', 0, 0],
  ['succeeded', 3, 0],
  ['partiallySucceeded', 2, 1],
  ['partiallySucceeded', 0, 3],
  ['failed', 1, 2],
  ['failed', 0, 3],
  ['cancelled', 1, 2],
  ['cancelled', 0, 3],
] as const;

interface Fixture {
  people: People;
  requestId: string;
  deciders: Record<DeciderName, string>;
  previews: Record<(typeof PREVIEWS)[number], string | null>;
  jobs: string[];
}
let fixture: Fixture;

const insertJobs = async ({ workspaceId, ada }: People, usedPreview: string): Promise<string[]> => {
  const ids: string[] = [];
  for (const [state, deleted, failed] of RUNS) {
    const id = uuidv7();
    ids.push(id);
    await sql`
      INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, preview_id, counts, finished_at)
      VALUES (${id}, ${workspaceId}, 'deletion', ${state}, '{"type": "ids"}', ${ada},
              ${state === 'running' ? usedPreview : null},
              jsonb_build_object('deleted', ${deleted}::int, 'failed', ${failed}::int),
              CASE ${state} WHEN 'running' THEN NULL ELSE now() END)`.execute(database().owner.db);
  }
  return ids;
};

beforeAll(async () => {
  const steps = createRequestSteps(database());
  const people = await seedPeople(database(), 'rules');
  const others = await seedPeople(database(), 'others');
  const requestId = await steps.ask(people);
  const [usable, expired, used] = [
    await steps.preview(people, requestId),
    await steps.preview(people, requestId),
    await steps.preview(people, requestId),
  ];
  const { owner } = database();
  await owner.pool.query('UPDATE previews SET expires_at = now() WHERE id = $1', [expired]);
  await revokeApiKey(owner.db, others.pia);
  const { pia, paul, bob, ole, adaOfPlatform } = people;
  fixture = {
    people,
    requestId,
    deciders: {
      pia,
      paul,
      bob,
      ole,
      adaOfPlatform,
      stranger: others.ada,
      gone: others.pia,
      nobody: randomUUID(),
    },
    previews: { usable, expired, used, missing: null },
    jobs: await insertJobs(people, used),
  };
  await setDecisionTime(owner, ASKED_AT);
});

interface Event {
  kind: Kind;
  wait: number;
  decider: DeciderName;
  hasReason: boolean;
  preview: (typeof PREVIEWS)[number];
  run: number;
}

const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom(...KINDS),
  wait: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(299, 300, 301, 999, 1_000)),
  decider: fc.oneof(fc.constantFrom(...DECIDERS), fc.constantFrom('pia' as const, 'bob' as const)),
  hasReason: fc.boolean(),
  preview: fc.constantFrom(...PREVIEWS),
  run: fc.nat(RUNS.length - 1),
});

interface World {
  state: RequestState;
  now: number;
  closesAt: number | null;
  opened: number;
}

type Verdict = { to_state: RequestState; refusal: null } | { to_state: null; refusal: string };

/** The database's decision. The clock stands still, and the times of the request move. */
const judge = async ({ state, now, closesAt }: World, tried: Event): Promise<Verdict> => {
  const { people, requestId, deciders, previews, jobs } = fixture;
  const iso = (at: number) => new Date(ASKED_AT + at - now).toISOString();
  const row = {
    id: requestId,
    workspace_id: people.workspaceId,
    requester_key_id: people.ada,
    state,
    lapses_at: iso(LAPSES_AT),
    closes_at: closesAt === null ? null : iso(closesAt),
    job_id: jobs[tried.run],
  };
  const { rows } = await sql<Verdict>`
    SELECT * FROM judge_decision(jsonb_populate_record(NULL::delete_all_requests, ${JSON.stringify(row)}),
      ${tried.kind}, ${deciders[tried.decider]}::uuid, ${tried.hasReason}::boolean,
      ${previews[tried.preview]}::uuid, ${jobs[tried.run]}::uuid)`.execute(database().app.db);
  return rows[0]!;
};

const rowOf = ({ state, now, closesAt }: World) => ({ state, is_in_window: now < (closesAt ?? 0) });

/** The early answer to a reader. Bob has another role, and Ada of the platform team asked. */
const mayDecide = ({ state, now }: World, by: DeciderName): boolean => {
  const isPlatform = by === 'pia' || by === 'paul' || by === 'adaOfPlatform';
  const asked = { state, is_too_late: now >= LAPSES_AT, requester_person: 'adaOfPlatform' };
  return refuseDecider(asked, { role: isPlatform ? 'platform' : 'admin', person: by }) === null;
};

/** Whether an event may move a request on, specified from the outcome's side. */
const isAllowed = (world: World, tried: Event): boolean => {
  const { state, now, closesAt } = world;
  const { kind, decider: by } = tried;
  const [runState, , left] = RUNS[tried.run]!;
  const isIn = isUsable(state) && rowOf(world).is_in_window;
  const isWaiting = state === 'requested' && now < LAPSES_AT;
  const isPlatform = by === 'pia' || by === 'paul' || by === 'adaOfPlatform';
  const isRequester = by === 'adaOfPlatform';
  const isAdmin = by === 'bob';
  const allowed: Record<Kind, boolean> = {
    approve: mayDecide(world, by),
    deny: isWaiting && isPlatform && !isRequester && tried.hasReason,
    revoke: isIn && isPlatform,
    withdraw: (isWaiting || isIn) && isAdmin,
    run: isWindowOpen(rowOf(world)) && isAdmin && tried.preview === 'usable',
    retry: isIn && (isAdmin || by === 'ole') && runState !== 'running' && left > 0,
    lapse: state === 'requested' && now >= LAPSES_AT,
    expire: state === 'open' && now >= (closesAt ?? 0),
    finish: state === 'running' && runState !== 'running',
    stop: state === 'requested' || state === 'open',
  };
  return allowed[kind];
};

const step = async (world: World, tried: Event): Promise<World> => {
  const before = { ...world, now: world.now + tried.wait };
  const verdict = await judge(before, tried);
  // All facts, so that a failure shows the case.
  const found = { before, tried, verdict };
  expect({ ...found, isAllowed: verdict.to_state !== null }).toEqual({
    ...found,
    isAllowed: isAllowed(before, tried),
  });
  expect(verdict.refusal === null).toBe(verdict.to_state !== null);
  expect(verdict.to_state === null || !isOver(rowOf(before))).toBe(true);
  if (verdict.to_state === null) return before;
  expect(ARROWS).toContain(`${world.state} ${tried.kind} ${verdict.to_state}`);
  const isOpened = tried.kind === 'approve';
  return {
    ...before,
    state: verdict.to_state,
    closesAt: isOpened ? before.now + WINDOW : world.closesAt,
    opened: world.opened + (isOpened ? 1 : 0),
  };
};

test('in any order of events, a request only takes arrows of the diagram, and opens at most one window', async () => {
  const START: World = { state: 'requested', now: 0, closesAt: null, opened: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 12 }), async (events) => {
      let world = START;
      for (const tried of events) {
        const next = await step(world, tried);
        const mayMove = isUnfinished(world.state) || isUsable(world.state);
        expect(mayMove || next.state === world.state).toBe(true);
        expect([next.closesAt, null]).toContain(world.closesAt);
        world = next;
      }
      expect(world.opened).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});

test('every arrow of the diagram is taken by some event', async () => {
  const reached = new Set<string>();
  for (const state of REQUEST_STATES) {
    for (const [kind, decider] of KINDS.flatMap((each) =>
      (['pia', 'bob'] as const).map((by) => [each, by] as const),
    )) {
      for (const run of RUNS.keys()) {
        for (const now of [0, 2_000]) {
          const tried: Event = { kind, wait: 0, decider, hasReason: true, preview: 'usable', run };
          const closesAt = state === 'requested' ? null : 500;
          const { to_state: to } = await judge({ state, now, closesAt, opened: 0 }, tried);
          if (to !== null) reached.add(`${state} ${kind} ${to}`);
        }
      }
    }
  }
  expect([...reached].toSorted()).toEqual([...ARROWS].toSorted());
});

const FACTS: Event = {
  kind: 'approve',
  wait: 0,
  decider: 'pia',
  hasReason: true,
  preview: 'usable',
  run: 0,
};
const rule = async (state: RequestState, kind: DecisionKind, at: number, changes = {}) => {
  const closesAt = state === 'requested' ? null : 300;
  const world = { state, now: at, closesAt, opened: 0 };
  const { to_state: to, refusal } = await judge(world, {
    ...FACTS,
    ...changes,
    kind: kind as Kind,
  });
  return to ?? refusal;
};

test('a decision before a deadline is in time, and a decision at the deadline is too late', async () => {
  expect(await rule('requested', 'approve', 999)).toBe('open');
  expect(await rule('requested', 'approve', 1_000)).toBe('tooLate');
  expect(await rule('requested', 'lapse', 999)).toBe('tooEarly');
  expect(await rule('open', 'run', 299, { decider: 'bob' })).toBe('running');
  expect(await rule('open', 'run', 300, { decider: 'bob' })).toBe('tooLate');
});

const endOf = (state: string, deleted: number, at: number) =>
  rule('running', 'finish', at, {
    run: RUNS.findIndex((run) => run[0] === state && run[1] === deleted),
  });

test('a run that fails before it deletes a user leaves the request open, or expired after its window', async () => {
  expect(await endOf('failed', 0, 299)).toBe('open');
  expect(await endOf('failed', 0, 300)).toBe('expired');
  expect(await endOf('failed', 1, 299)).toBe('failed');
  expect(await endOf('partiallySucceeded', 0, 299)).toBe('open');
  expect(await endOf('cancelled', 0, 299)).toBe('cancelled');
});
