import type { Client } from 'pg';
import { partitionOf } from '../db/workspaces.ts';

/** The country of users that stay. `GOES` selects all others. */
const STAYING = 'NO';

/** Staying users per deleted user: enough for the nearly-everyone rule to allow the deletion. */
const STAYING_SHARE = 0.15;

/**
 * The users of a deletion: as a filter of the API, and as the SQL condition that a person would
 * write.
 */
export const GOES = {
  filter: { field: 'country', op: 'isNot', value: STAYING },
  sql: `country IS DISTINCT FROM '${STAYING}'`,
};

/** How many users a workspace has, and how many of them a deletion selects. */
export interface Population {
  total: number;
  going: number;
}

/** The custom properties of the people, by type. */
export const PEOPLES_PROPERTIES = {
  plan: 'string',
  ltv: 'number',
  vip: 'boolean',
  lastSeenAt: 'datetime',
  website: 'url',
  company: 'string',
  interests: 'list',
};

const FUNCTIONS = `
  CREATE OR REPLACE FUNCTION bench_below(n bigint, seed int, size int) RETURNS int
  LANGUAGE sql IMMUTABLE AS $$ SELECT (((hashint8extended(n, seed) % size) + size) % size)::int $$;
  CREATE OR REPLACE FUNCTION bench_pick(n bigint, seed int, choices text[]) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$ SELECT choices[1 + bench_below(n, seed, cardinality(choices))] $$`;

const pick = (seed: number, choices: string[]): string =>
  `bench_pick(n, ${seed}, ARRAY[${choices.map((text) => `'${text.replaceAll("'", "''")}'`).join()}])`;

const COLUMNS = {
  // Ids in another order than the table's rows, like ids from other systems.
  user_id: `'u-' || md5(n::text)`,
  first_name: pick(1, [
    'Priya',
    'अनन्या',
    'Zoë',
    'Олена',
    '秀英',
    'Noah',
    'محمد',
    'Käthe',
    'Ava "A"',
  ]),
  last_name: pick(2, [
    'Sharma',
    'पटेल',
    "D'Aubigné",
    'Шевченко',
    '欧阳',
    'Lee, Jr.',
    'حسن',
    'Smith',
  ]),
  gender: `nullif(${pick(3, ['female', 'male', 'nonbinary', ''])}, '')`,
  country: `CASE WHEN n <= $1 THEN ${pick(4, ['IN', 'US', 'CN', 'UA', 'EG', 'FR', 'DE', 'BR'])}
            ELSE '${STAYING}' END`,
  city: pick(5, ['मुंबई', 'Bengaluru', 'Austin', '上海', 'Київ', 'القاهرة', 'Paris', 'São Paulo']),
  language: pick(6, ['hi', 'en', 'zh', 'uk', 'ar', 'fr', 'de', 'pt']),
  timezone: pick(7, ['Asia/Kolkata', 'America/Chicago', 'Europe/Kyiv', 'Europe/Paris']),
  email: `'person.' || to_hex(n * 2654435761 % 4294967296) || '@example.com'`,
  phone: '(910000000000 + bench_below(n, 8, 2000000000))::text',
  last_channel: pick(9, ['email', 'sms', 'push', 'whatsapp']),
  dob: `date '1940-01-01' + bench_below(n, 10, 24000)`,
  email_optin: 'bench_below(n, 11, 4) > 0',
  sms_optin: 'bench_below(n, 12, 2) > 0',
  whats_app_optin: 'bench_below(n, 13, 3) > 0',
  tags: `ARRAY[${pick(14, ['newsletter', 'beta', 'pays, late'])}, ${pick(15, ['🎉', 'says "no"'])}]`,
  properties: `jsonb_build_object(
    'plan', ${pick(16, ['free', 'basic', 'plus', 'enterprise'])},
    'ltv', bench_below(n, 17, 500000) / 100.0,
    'vip', bench_below(n, 18, 8) = 0,
    'lastSeenAt', to_char(timestamp '2024-01-01' + bench_below(n, 19, 60000000) * interval '1 s',
                          'YYYY-MM-DD"T"HH24:MI:SS".000000Z"'),
    'website', 'https://example.org/people/' || md5((-n)::text) || '?ref=a&b=c',
    'company', ${pick(20, ['Acme, Inc.', 'Smith & Sons', '"Quoted" GmbH', 'Crème Brûlée'])},
    'interests', jsonb_build_array(${pick(21, ['cycling', 'música', 'книги', '写真'])}, 'chess'))`,
  created_at: `timestamptz '2023-01-01 UTC' + bench_below(n, 22, 90000000) * interval '1 s'`,
  updated_at: `timestamptz '2025-12-01 UTC' + bench_below(n, 23, 20000000) * interval '1 s'`,
};

const names = Object.keys(COLUMNS).join(', ');

interface Index {
  name: string;
  definition: string;
  constraint: string | null;
}

export const populationOf = (total: number): Population => ({
  total,
  going: Math.round(total / (1 + STAYING_SHARE)),
});

/** A workspace large enough that `going` of its users may be deleted. */
export const populationFor = (going: number): Population => ({
  total: Math.round(going * (1 + STAYING_SHARE)),
  going,
});

/**
 * Generates people: the same ones on every machine, in shuffled order, about 540 bytes of the table
 * each.
 */
export const makePeople = async (owner: Client, { total, going }: Population): Promise<void> => {
  await owner.query(FUNCTIONS);
  await owner.query('DROP TABLE IF EXISTS bench_people');
  // A statement that creates a table takes no parameters.
  const values = Object.entries(COLUMNS)
    .map(([name, value]) => `${value.replace('$1', String(going))} AS ${name}`)
    .join(',\n');
  await owner.query(`CREATE UNLOGGED TABLE bench_people AS
    SELECT ${values} FROM generate_series(1::bigint, ${total}) AS n
     ORDER BY hashint8extended(n, 0)`);
  await owner.query('VACUUM ANALYZE bench_people');
};

/**
 * Resets a workspace's partition to all the people: detaches, fills, indexes and attaches it. This
 * takes a third of the time of inserts through the trigger and the indexes. The state is the same
 * each time: vacuumed, analysed and written to disk. Autovacuum stays off on the partition, so that
 * it affects no measurement.
 */
export const loadPeople = async (owner: Client, workspaceId: string): Promise<void> => {
  const table = `"${partitionOf(workspaceId)}"`;
  await owner.query("SET maintenance_work_mem = '512MB'");
  await owner.query(`ALTER TABLE users DETACH PARTITION ${table}`);
  const indexes = await listIndexes(owner, table);
  for (const index of indexes) await dropIndex(owner, table, index);
  await owner.query(`TRUNCATE ${table}`);
  // Each round deletes nearly as many users as one person may, so the deletions of earlier rounds
  // must not count.
  await owner.query('DELETE FROM admitted_deletions WHERE workspace_id = $1', [workspaceId]);
  await owner.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  await owner.query(`
    INSERT INTO ${table} (workspace_id, ${names}, written_in, inserted_in)
    SELECT '${workspaceId}', ${names}, pg_current_xact_id(), pg_current_xact_id() FROM bench_people`);
  for (const index of indexes) await rebuildIndex(owner, table, index);
  await owner.query(`ALTER TABLE users ATTACH PARTITION ${table} FOR VALUES IN ('${workspaceId}')`);
  await settle(owner, workspaceId);
};

/** Deletes all users of a workspace, and empties its indexes. */
export const removePeople = async (owner: Client, workspaceId: string): Promise<void> => {
  await owner.query(`TRUNCATE "${partitionOf(workspaceId)}"`);
  await settle(owner, workspaceId);
};

/** Completes background work, so that it does not fall into the next measurement. */
export const settle = async (owner: Client, workspaceId: string): Promise<void> => {
  await owner.query(`VACUUM ANALYZE "${partitionOf(workspaceId)}"`);
  await owner.query('CHECKPOINT');
};

const listIndexes = async (owner: Client, table: string): Promise<Index[]> => {
  const { rows } = await owner.query<Index>(
    `SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition,
            con.conname AS constraint
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       LEFT JOIN pg_constraint con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid
      WHERE i.indrelid = $1::regclass ORDER BY c.relname`,
    [table],
  );
  return rows;
};

const dropIndex = (owner: Client, table: string, { name, constraint }: Index) =>
  owner.query(
    constraint === null
      ? `DROP INDEX "${name}"`
      : `ALTER TABLE ${table} DROP CONSTRAINT "${constraint}"`,
  );

const rebuildIndex = async (owner: Client, table: string, index: Index): Promise<void> => {
  await owner.query(index.definition);
  if (index.constraint === null) return;
  await owner.query(
    `ALTER TABLE ${table} ADD CONSTRAINT "${index.constraint}" PRIMARY KEY USING INDEX "${index.name}"`,
  );
};
