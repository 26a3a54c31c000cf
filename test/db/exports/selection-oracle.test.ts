import * as fc from 'fast-check';
import { sql } from 'kysely';
import { beforeAll, expect, test } from 'vitest';
import { createWorkspace } from '../../../db/workspaces.ts';
import { compileFilter } from '../../../selection/compile.ts';
import { compileSelection } from '../../../selection/compile-selection.ts';
import { checkFilter, freezeFilter, type Filter } from '../../../selection/filter.ts';
import { filterSchema } from '../../../selection/filter-schema.ts';
import { filterArbitrary, MAILS, TEXTS, TYPES, userArbitrary } from '../../support/arbitraries.ts';
import { queryByCopyValues } from '../../support/database/copy-values.ts';
import { useDatabase } from '../../support/database/database.ts';
import { type OracleUser, satisfies } from '../../support/database/oracle.ts';

const USERS = 400;
const FILTERS = 500;
const NOW = new Date('2024-07-01T12:00:00.000Z');
/** The seed of users and filters. To repeat a failure, set FC_SEED to its seed. */
const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);
console.info(`FC_SEED=${seed}`);

const database = useDatabase();
/** Lower-case letters by the database's rules. */
const lowered = new Map<string, string>();
const users: OracleUser[] = fc
  .sample(userArbitrary, { numRuns: USERS, seed })
  .map((user, index) => ({ ...user, userId: `user-${index}` }));

const rowOf = ({ userId, system, properties }: OracleUser) => ({
  user_id: userId,
  first_name: system['firstName'],
  email: system['email'],
  phone: system['phone'],
  dob: system['dob'],
  email_optin: system['emailOptin'],
  tags: system['tags'],
  legal_hold: system['legalHold'],
  created_at: system['createdAt'],
  properties: `{${Object.entries(properties)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`,
});

beforeAll(async () => {
  const { owner } = database();
  await createWorkspace(owner.db, { id: 'one', name: 'One' });
  await sql`
    INSERT INTO users (workspace_id, user_id, first_name, email, phone, dob, email_optin, tags, legal_hold,
                       created_at, properties)
    SELECT 'one', r.user_id, r.first_name, r.email, r.phone, r.dob, r.email_optin, r.tags,
           r.legal_hold, r.created_at, r.properties::jsonb
      FROM jsonb_to_recordset(${JSON.stringify(users.map(rowOf))}::jsonb) AS r(
        user_id text, first_name text, email text, phone text, dob date, email_optin boolean, tags text[],
        legal_hold boolean, created_at timestamptz, properties text)`.execute(owner.db);
  const letters = [...new Set([...MAILS, ...TEXTS].join(''))];
  const { rows } = await owner.pool.query<{ letter: string; lower: string }>(
    'SELECT letter, lower(letter) AS lower FROM unnest($1::text[]) AS letter',
    [letters],
  );
  for (const { letter, lower } of rows) lowered.set(letter, lower);
});

const select = (filter: Filter) => sql<{ user_id: string }>`
  SELECT user_id FROM users WHERE users.workspace_id = ${'one'}::text
    AND ${compileFilter(freezeFilter(filter, TYPES, NOW), TYPES)}`;

const idsOf = (rows: { user_id: string }[]) => rows.map((row) => row.user_id).toSorted();

const expected = (filter: Filter) =>
  users
    .filter((user) => satisfies(user, filter, { types: TYPES, now: NOW, lowered }))
    .map((user) => user.userId)
    .toSorted();

test('PostgreSQL selects the same users as the oracle, with bound values and with values of a COPY', async () => {
  const client = await database().app.pool.connect();
  const sizes = new Set<number>();
  await fc.assert(
    fc.asyncProperty(filterArbitrary, async (filter) => {
      expect(filterSchema.safeParse(filter).success).toBe(true);
      expect(checkFilter(filter, TYPES)).toEqual([]);
      const wanted = expected(filter);
      sizes.add(wanted.length);
      expect(idsOf((await select(filter).execute(database().app.db)).rows)).toEqual(wanted);
      expect(idsOf(await queryByCopyValues(client, select(filter)))).toEqual(wanted);
    }),
    { numRuns: FILTERS, seed },
  );
  client.release();
  // Filters that match no user, or all users, would prove little.
  expect(sizes.size).toBeGreaterThan(50);
});

test('a filter selects the same users under any time zone, date style and locale', async () => {
  const client = await database().app.pool.connect();
  try {
    await client.query(`SET TimeZone = 'Pacific/Kiritimati'; SET DateStyle = 'SQL, DMY';
      SET IntervalStyle = 'sql_standard'; SET extra_float_digits = 0; SET lc_numeric = 'C'`);
    for (const filter of fc.sample(filterArbitrary, { numRuns: 100, seed: seed + 1 })) {
      const rows = await queryByCopyValues<{ user_id: string }>(client, select(filter));
      expect(idsOf(rows)).toEqual(expected(filter));
    }
  } finally {
    client.release(true);
  }
});

test('excluded users are not selected, and all other users are', async () => {
  const filter: Filter = { field: 'userId', op: 'contains', value: 'user-' };
  const selection = {
    type: 'filter',
    filter: freezeFilter(filter, TYPES, NOW),
    excludeIds: ['user-1', "it's {not}, there"],
  } as const;
  const query = sql<{ user_id: string }>`
    SELECT user_id FROM users
     WHERE ${compileSelection({ ...selection, excludeIds: [...selection.excludeIds] }, TYPES)}`;
  const client = await database().app.pool.connect();
  const copied = await queryByCopyValues<{ user_id: string }>(client, query);
  client.release();
  for (const rows of [(await query.execute(database().app.db)).rows, copied]) {
    expect(rows).toHaveLength(USERS - 1);
    expect(idsOf(rows)).not.toContain('user-1');
  }
});
