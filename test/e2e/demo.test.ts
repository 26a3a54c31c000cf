import { expect, test } from 'vitest';
import { runDemo } from '../../local/demo/demo-steps.ts';
import { demoProperties, demoUsers } from '../../local/demo/demo-users.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack();

const USERS = 3_000;

// The steps of `npm run demo`, with fewer users. They check each sum, and throw on a wrong sum.
test('all sums of the demo close', async () => {
  const source = { properties: demoProperties, users: () => demoUsers(USERS), rows: USERS };
  await expect(runDemo(stack().stack, source)).resolves.toBeUndefined();
});
