import { test } from 'vitest';
import { tellDemo } from '../../local/demo-story.ts';
import { demoProperties, demoUsers } from '../../local/demo-users.ts';
import { useStack } from '../support/stack.ts';

const stack = useStack();

const USERS = 3_000;

// What `npm run demo` does, with fewer users: each of its sums is checked by the story, which throws.
test('the story of the demo closes all its sums', async () => {
  await tellDemo(stack().stack, {
    properties: demoProperties,
    users: () => demoUsers(USERS),
    rows: USERS,
  });
}, 120_000);
