import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOf } from '../../db/workspaces.ts';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { contest, type Contender } from '../contest.ts';
import { timeJob } from '../keepsake-job.ts';
import { PEOPLES_PROPERTIES, populationOf, removePeople } from '../people.ts';
import { runScript } from '../peers/psql.ts';
import { compare, type RowReport } from '../report.ts';

const AIM = 1.5;
const TABLE = `"${partitionOf(WORKSPACE)}"`;
const PEER = '`psql \\copy`, `INSERT … ON CONFLICT DO UPDATE`';

/** Text columns, with their names in a file. */
const TEXTS = {
  first_name: 'firstName',
  last_name: 'lastName',
  gender: 'gender',
  country: 'country',
  city: 'city',
  language: 'language',
  timezone: 'timezone',
  email: 'email',
  phone: 'phone',
  last_channel: 'lastChannel',
};

/** Further columns, and the types that a script casts them to. */
const OTHERS = {
  dob: { name: 'dob', type: 'date' },
  email_optin: { name: 'emailOptin', type: 'boolean' },
  sms_optin: { name: 'smsOptin', type: 'boolean' },
  whats_app_optin: { name: 'whatsAppOptin', type: 'boolean' },
};

/** Custom properties, and the expressions by which a script converts their cells. */
const PROPERTIES: Record<keyof typeof PEOPLES_PROPERTIES, string> = {
  plan: 'plan',
  ltv: 'ltv::numeric',
  vip: 'vip::boolean',
  lastSeenAt: '"lastSeenAt"',
  website: 'website',
  company: 'company',
  interests: `string_to_array(interests, ';')`,
};

const textOf = (name: string): string => `properties->>'${name}'`;
const itemsOf = (name: string): string =>
  `array_to_string(ARRAY(SELECT jsonb_array_elements_text(properties->'${name}')), ';')`;

/** The people as a CSV file with the API's column names. */
const CELLS: [expression: string, name: string][] = [
  ['user_id', 'userId'],
  ...Object.entries(TEXTS),
  ...Object.entries(OTHERS).map(([column, { name }]): [string, string] => [
    `${column}::text`,
    name,
  ]),
  [`array_to_string(tags, ';')`, 'tags'],
  ...Object.entries(PEOPLES_PROPERTIES).map(([name, type]): [string, string] => [
    type === 'list' ? itemsOf(name) : textOf(name),
    `properties.${name}`,
  ]),
];

const FILE_QUERY = `SELECT ${CELLS.map(([cell, name]) => `${cell} AS "${name}"`).join(', ')} FROM bench_people`;

const COLUMNS = [...Object.keys(TEXTS), ...Object.keys(OTHERS), 'tags'];

const STAGED = [
  ...['user_id', ...COLUMNS].map((column) => `${column} text`),
  ...Object.keys(PROPERTIES).map((name) => `"${name}" text`),
].join(', ');

const VALUES = [
  'user_id',
  ...Object.keys(TEXTS),
  ...Object.entries(OTHERS).map(([column, { type }]) => `${column}::${type}`),
  `string_to_array(tags, ';')`,
].join(', ');

const MEMBERS = Object.entries(PROPERTIES)
  .map(([name, value]) => `'${name}', ${value}`)
  .join(', ');

const CHANGES = COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ');

/**
 * Imports a file of all users, first into an empty workspace, then where all of them exist
 * unchanged.
 */
export const measureImport = async (bench: Bench): Promise<RowReport> => {
  const people = populationOf(bench.users);
  await bench.load(people);
  const file = join(bench.folder, 'import.csv');
  const script = join(bench.folder, 'import.sql');
  writeFileSync(script, scriptOf(file));
  await runScript(bench, 'psql -c "$COPY"', {
    COPY: `\\copy (${FILE_QUERY}) TO '${file}' (FORMAT csv, HEADER)`,
  });
  const content = new Blob([readFileSync(file)]);
  const options = { mode: 'update', spreadsheetSafe: false };
  const none = () => removePeople(bench.owner, WORKSPACE);
  const all = () => bench.load(people);

  const keepsake = (name: string, prepare: () => Promise<void>): Contender => ({
    name,
    prepare,
    run: async () => {
      const { run, job } = await timeJob(bench, () => bench.api.importFile(content, options));
      await assertThere(bench, name, people.total);
      return { ...run, counts: job.counts };
    },
  });
  const psql = (name: string, prepare: () => Promise<void>): Contender => ({
    name,
    prepare,
    run: async () => {
      const seconds = await runScript(bench, 'psql -f "$SCRIPT"', { SCRIPT: script });
      await assertThere(bench, name, people.total);
      return { seconds };
    },
  });
  const runs = await contest(bench, [
    keepsake('Keepsake, new', none),
    psql('script, new', none),
    keepsake('Keepsake, same', all),
    psql('script, same', all),
  ]);
  const line = (state: string, what: string) =>
    compare(runs, {
      what,
      own: `Keepsake, ${state}`,
      peer: `script, ${state}`,
      shown: PEER,
      aim: AIM,
    });
  return {
    lines: [line('new', 'import, new users'), line('same', 'import, nothing to change')],
    raw: runs,
  };
};

/** The script of a person that trusts the file. */
const scriptOf = (file: string): string => `
  CREATE TEMP TABLE staged (${STAGED});
  \\copy staged FROM '${file}' (FORMAT csv, HEADER)
  INSERT INTO ${TABLE} AS users (workspace_id, user_id, ${COLUMNS.join(', ')}, properties)
  SELECT '${WORKSPACE}', ${VALUES}, jsonb_strip_nulls(jsonb_build_object(${MEMBERS})) FROM staged
  ON CONFLICT (workspace_id, user_id) DO UPDATE
  SET ${CHANGES}, properties = users.properties || excluded.properties, updated_at = now();`;

const assertThere = async ({ owner }: Bench, name: string, total: number): Promise<void> => {
  const { rows } = await owner.query<{ count: string }>(`SELECT count(*) FROM ${TABLE}`);
  if (Number(rows[0]?.count) !== total) {
    throw new Error(`${name}: ${rows[0]?.count} of ${total} users exist`);
  }
};
