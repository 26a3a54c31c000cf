import { expect, test } from 'vitest';
import { runDemo } from '../../local/demo/demo-steps.ts';
import { demoProperties, demoUsers } from '../../local/demo/demo-users.ts';
import { useOwnStack } from '../support/stack/stack.ts';

const stack = useOwnStack();

const USERS = 3_000;

// What `npm run demo` does, with fewer users: each of its sums is checked by the story, which
// throws.
test('the story of the demo closes all its sums', async () => {
  const source = { properties: demoProperties, users: () => demoUsers(USERS), rows: USERS };
  await expect(runDemo(stack().stack, source)).resolves.toBeUndefined();
}, 120_000);
