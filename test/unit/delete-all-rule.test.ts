import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ruleOn, type Facts } from '../../activities/delete-all-rule.ts';
import {
  isUnfinished,
  MESSAGE_KINDS,
  REQUEST_STATES,
  type DecisionKind,
  type RequestState,
} from '../../workflows/contract.ts';

const KINDS: readonly DecisionKind[] = [...MESSAGE_KINDS, 'lapse', 'expire', 'finish', 'stop'];

/** The diagram of docs/architecture.md, arrow by arrow; `stop` is the operator's, who ends a workflow. */
const ARROWS = new Set([
  'requested approve open',
  'requested deny denied',
  'requested withdraw withdrawn',
  'requested lapse lapsed',
  'requested stop cancelled',
  'open run running',
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
]);

const PLATFORM = { role: 'platform', isRevoked: false, isOfWorkspace: false, isRequester: false };
const ADMIN = { role: 'admin', isRevoked: false, isOfWorkspace: true, isRequester: false };

const LAPSES_AT = 1_000;
const WINDOW = 300;

const decider: fc.Arbitrary<Facts['decider']> = fc.option(
  fc.record({
    role: fc.constantFrom('admin' as const, 'platform' as const, 'ops' as const),
    isRevoked: fc.boolean(),
    isOfWorkspace: fc.boolean(),
    isRequester: fc.boolean(),
  }),
  { freq: 8, nil: null },
);

const event = fc.record({
  kind: fc.constantFrom(...KINDS),
  wait: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(299, 300, 301, 999, 1_000)),
  decider: fc.oneof(decider, fc.constantFrom(PLATFORM, ADMIN) as fc.Arbitrary<Facts['decider']>),
  hasReason: fc.boolean(),
  preview: fc.constantFrom(
    'usable' as const,
    'missing' as const,
    'expired' as const,
    'used' as const,
  ),
  run: fc.option(
    fc.record({
      state: fc.constantFrom(
        'succeeded' as const,
        'partiallySucceeded' as const,
        'failed' as const,
        'cancelled' as const,
      ),
      deleted: fc.constantFrom(0, 7),
    }),
    { nil: null },
  ),
});

type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

interface World {
  state: RequestState;
  now: number;
  closesAt: number | null;
  opened: number;
}

/** Whether an event may move a request on, told the other way round: from the outcome's side. */
const isAllowed = ({ state, now, closesAt }: World, tried: Event): boolean => {
  const { kind, decider: by, run } = tried;
  const isIn = state === 'open' && now < (closesAt ?? 0);
  const isWaiting = state === 'requested' && now < LAPSES_AT;
  const isPlatform = by?.role === 'platform' && !by.isRevoked;
  const isAdmin = by?.role === 'admin' && by.isOfWorkspace && !by.isRevoked;
  const allowed: Record<DecisionKind, boolean> = {
    approve: isWaiting && isPlatform && !by.isRequester,
    deny: isWaiting && isPlatform && !by.isRequester && tried.hasReason,
    revoke: isIn && isPlatform,
    withdraw: (isWaiting || isIn) && isAdmin,
    run: isIn && isAdmin && tried.preview === 'usable',
    lapse: state === 'requested' && now >= LAPSES_AT,
    expire: state === 'open' && now >= (closesAt ?? 0),
    finish: state === 'running' && run !== null,
    stop: state === 'requested' || state === 'open',
  };
  return allowed[kind];
};

const step = (world: World, tried: Event): World => {
  const now = world.now + tried.wait;
  const facts: Facts = { ...tried, at: now, lapsesAt: LAPSES_AT, closesAt: world.closesAt };
  const verdict = ruleOn(world.state, tried.kind, facts);
  const before = { ...world, now };
  expect('to' in verdict).toBe(isAllowed(before, tried));
  if ('refusal' in verdict) return before;
  expect(ARROWS).toContain(`${world.state} ${tried.kind} ${verdict.to}`);
  const isOpened = tried.kind === 'approve';
  return {
    ...before,
    state: verdict.to,
    closesAt: isOpened ? now + WINDOW : world.closesAt,
    opened: world.opened + (isOpened ? 1 : 0),
  };
};

test('whatever comes in whatever order, only arrows of the diagram are gone, and one window opened', () => {
  const START: World = { state: 'requested', now: 0, closesAt: null, opened: 0 };
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      let world = START;
      for (const tried of events) {
        const next = step(world, tried);
        expect(isUnfinished(world.state) || next.state === world.state).toBe(true);
        expect([next.closesAt, null]).toContain(world.closesAt);
        world = next;
      }
      expect(world.opened).toBeLessThanOrEqual(1);
    }),
    { numRuns: 1_000 },
  );
});

test('every arrow of the diagram is reached', () => {
  const reached = new Set<string>();
  for (const state of REQUEST_STATES) {
    for (const [tried] of fc.sample(fc.tuple(event), 4_000)) {
      const closesAt = state === 'requested' ? null : 500;
      const facts = { ...tried, at: tried.wait, lapsesAt: LAPSES_AT, closesAt };
      const verdict = ruleOn(state, tried.kind, facts);
      if ('to' in verdict) reached.add(`${state} ${tried.kind} ${verdict.to}`);
    }
  }
  expect([...reached].toSorted()).toEqual([...ARROWS].toSorted());
});

const facts = (changes: Partial<Facts>): Facts => ({
  at: 0,
  lapsesAt: LAPSES_AT,
  closesAt: null,
  decider: PLATFORM as Facts['decider'],
  hasReason: true,
  preview: 'usable',
  run: null,
  ...changes,
});

test('the last moment of a deadline is in time, the deadline itself is not', () => {
  expect(ruleOn('requested', 'approve', facts({ at: 999 }))).toEqual({ to: 'open' });
  expect(ruleOn('requested', 'approve', facts({ at: 1_000 }))).toEqual({ refusal: 'tooLate' });
  expect(ruleOn('requested', 'lapse', facts({ at: 999 }))).toEqual({ refusal: 'tooEarly' });
  const admin = ADMIN as Facts['decider'];
  const run = (at: number) => ruleOn('open', 'run', facts({ at, closesAt: 300, decider: admin }));
  expect(run(299)).toEqual({ to: 'running' });
  expect(run(300)).toEqual({ refusal: 'tooLate' });
});

const endRun = (
  state: 'failed' | 'partiallySucceeded' | 'cancelled',
  deleted: number,
  at: number,
) => ruleOn('running', 'finish', facts({ at, closesAt: 300, run: { state, deleted } }));

test('a run that broke off before anyone went hands the window back, or finds it closed', () => {
  expect(endRun('failed', 0, 299)).toEqual({ to: 'open' });
  expect(endRun('failed', 0, 300)).toEqual({ to: 'expired' });
  expect(endRun('failed', 1, 299)).toEqual({ to: 'failed' });
  expect(endRun('partiallySucceeded', 0, 299)).toEqual({ to: 'open' });
  expect(endRun('cancelled', 0, 299)).toEqual({ to: 'cancelled' });
});
