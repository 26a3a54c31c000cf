import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useDatabase } from '../../support/database/database.ts';
import { createRequestSteps, seedPeople } from '../../support/steps/delete-all.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';

const database = useDatabase();

/**
 * From the sixth call on, PostgreSQL may cache a plan, and locks everything that the plan may use.
 */
const CALLS = 8;
/** Each has a partition with some eight indexes. */
const WORKSPACES = 20;

test('a query about one workspace locks no other workspace, however often a connection runs it', async () => {
  for (let n = 0; n < WORKSPACES; n++) await seedWorkspace(database(), `locks${n}`, 100);
  await database().owner.pool.query('ANALYZE');
  const people = await seedPeople(database(), 'asking');
  const { proof } = createRequestSteps(database());
  const questions: [text: string, values: () => unknown[]][] = [
    ['SELECT refuse_deletion_of($1, $2)', () => ['locks3', ['u-1', 'u-2']]],
    [
      'SELECT ask_to_delete_all($1, $2, $3, NULL, NULL, NULL)',
      () => [proof(people.ada), uuidv7(), 'over'],
    ],
  ];
  const client = await database().app.pool.connect();
  const locked = new Set<string>();
  for (const [text, values] of questions) {
    for (let call = 0; call < CALLS; call++) {
      await client.query('BEGIN');
      await client.query(text, values());
      const { rows } = await client.query<{ name: string }>(
        `SELECT c.relname AS name FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
          WHERE l.pid = pg_backend_pid() AND c.relname LIKE 'users\\_%' AND c.relkind = 'r'`,
      );
      for (const { name } of rows) locked.add(name);
      await client.query('ROLLBACK');
    }
  }
  client.release();
  expect([...locked].toSorted()).toEqual(['users_asking', 'users_locks3']);
});
