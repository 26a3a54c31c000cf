import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { createRequestSteps, seedPeople, type People } from '../../support/steps/delete-all.ts';

const database = useDatabase();

let made = 0;

test.each([
  ['the requester', (p: People) => p.ada, 'wrongRole'],
  ['the requester by a key of the platform team', (p: People) => p.adaOfPlatform, 'selfApproval'],
  ['another admin', (p: People) => p.bob, 'wrongRole'],
  ['ops', (p: People) => p.ole, 'wrongRole'],
] as const)('an approval by %s is refused before a message is sent', async (_, who, refusal) => {
  const steps = createRequestSteps(database());
  const people = await seedPeople(database(), `submit-${made++}`);
  const id = await steps.ask(people);
  const decisionId = await steps.insertDecision(id, 'approve', { by: who(people) });
  expect(await steps.outcome(decisionId)).toEqual({ outcome: 'refused', refusal });
  expect((await steps.request(id)).state).toBe('requested');
});
