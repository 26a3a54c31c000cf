import { expect, test } from 'vitest';
import { tellDemo } from '../../local/demo/demo-steps.ts';
import { demoProperties, demoUsers } from '../../local/demo/demo-users.ts';
import { useStack } from '../support/stack/stack.ts';

const stack = useStack();

const USERS = 3_000;

// The steps of `npm run demo`, with fewer users. They check each sum, and throw on a wrong sum.
test('all sums of the demo close', async () => {
  const source = { properties: demoProperties, users: () => demoUsers(USERS), rows: USERS };
  await expect(tellDemo(stack().stack, source)).resolves.toBeUndefined();
}, 120_000);
