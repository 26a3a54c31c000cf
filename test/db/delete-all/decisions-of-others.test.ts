import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { findDecision } from '../../../db/delete-all/decisions.ts';
import { useDatabase } from '../../support/database/database.ts';
import { setDecisionTime } from '../../support/database/decision-clock.ts';
import { ASKED_AT, createAsking, createRequestSteps } from '../../support/steps/delete-all.ts';

/** A message may name a row of another kind, or of another request. */

const database = useDatabase();
let steps: ReturnType<typeof createRequestSteps>;

beforeAll(() => {
  steps = createRequestSteps(database());
});

const asked = createAsking(database);

test('a message that names the row of another decision applies neither decision', async () => {
  const { people, id } = await asked();
  const stranger = await asked();
  await setDecisionTime(database().owner, ASKED_AT + 1);
  const pending = await steps.insertDecision(id, 'withdraw', { by: people.ada });
  for (const decisionId of [pending, randomUUID()]) {
    const view = await steps.decide(id, 'approve', ASKED_AT + 1, { decisionId });
    expect(view).toMatchObject({ state: 'requested', refusal: 'decisionMismatch' });
  }
  const ofAnother = await steps.decide(stranger.id, 'withdraw', ASKED_AT + 1, {
    decisionId: pending,
  });
  expect(ofAnother).toMatchObject({ state: 'requested', refusal: 'decisionMismatch' });
  expect(await steps.decide(id, 'withdraw', ASKED_AT + 2, { decisionId: pending })).toMatchObject({
    state: 'withdrawn',
  });
});

test('a message whose own id is the id of another decision applies neither decision', async () => {
  const { people, id } = await asked();
  const stranger = await asked();
  await setDecisionTime(database().owner, ASKED_AT + 1);
  const { db } = database().app;
  const rows = [
    { of: id, kind: 'deny', sentTo: id },
    { of: stranger.id, kind: 'approve', sentTo: id },
  ] as const;
  for (const { of, kind, sentTo } of rows) {
    const pending = await steps.insertDecision(of, kind, {
      by: people.pia,
      reason: 'no',
    });
    const named = { id: pending, decisionId: pending };
    const view = await steps.decide(sentTo, 'approve', ASKED_AT + 1, named);
    expect(view).toMatchObject({ state: 'requested', refusal: 'decisionMismatch' });
    expect(await findDecision(db, pending)).toMatchObject({ outcome: 'pending' });
  }
});
