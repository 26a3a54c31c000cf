import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { partitionOf } from '../../db/workspaces.ts';
import { WORKSPACE, type Bench } from '../bench-stack.ts';
import { contest, type Contender } from '../contest.ts';
import { runJob } from '../keepsake-job.ts';
import { PEOPLES_PROPERTIES, populationOf, settle } from '../people.ts';
import { runScript } from '../peers/psql.ts';
import { compare, type RowReport } from '../report.ts';

const AIM = 0.85;
const TABLE = `"${partitionOf(WORKSPACE)}"`;

const timestamp = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const cell = ([name, type]: [string, string]): string =>
  type === 'list'
    ? `array_to_string(ARRAY(SELECT jsonb_array_elements_text(properties->'${name}')), ';')`
    : `properties->>'${name}'`;

/**
 * The columns of a Keepsake download, rendered in the same way; but text is not made safe for
 * spreadsheets.
 */
const SAME_COLUMNS =
  `(SELECT user_id, first_name, last_name, gender, country, city, language, timezone,
  email, phone, last_channel, dob, email_optin::text, sms_optin::text, whats_app_optin::text,
  array_to_string(tags, ';'), legal_hold::text, ${timestamp('created_at')}, ${timestamp('updated_at')},
  ${Object.entries(PEOPLES_PROPERTIES).map(cell).join()} FROM ${TABLE})`.replaceAll(/\s+/g, ' ');

const KEEPSAKE = 'Keepsake';
const COPY_TABLE = 'psql, table';
const COPY_SAME = 'psql, same columns';

const SCRIPT = 'psql -c "$COPY" | gzip -1 > "$FILE"; sync "$FILE"';

/** Exports every user of a workspace. */
export const measureExport = async (bench: Bench): Promise<RowReport> => {
  const prepare = () => settle(bench.owner, WORKSPACE);
  const script = (name: string, source: string): Contender => ({
    name,
    prepare,
    run: async () => {
      const file = join(bench.folder, 'export.csv.gz');
      const copy = `\\copy ${source} TO STDOUT csv`;
      const seconds = await runScript(bench, SCRIPT, { COPY: copy, FILE: file });
      rmSync(file);
      return { seconds };
    },
  });
  const body = { selection: { type: 'all' }, format: 'csv', compression: 'gzip' };
  await bench.load(populationOf(bench.users));
  const runs = await contest(bench, [
    { name: KEEPSAKE, prepare, run: async () => (await runJob(bench, '/v1/exports', body)).run },
    script(COPY_TABLE, TABLE),
    script(COPY_SAME, SAME_COLUMNS),
  ]);
  const line = (name: string, peer: string, aim?: number) =>
    compare(runs, { what: 'export, gzip', own: KEEPSAKE, peer: name, shown: peer, aim });
  return {
    lines: [
      line(COPY_TABLE, '`psql \\copy` of the table, `gzip -1`, fsync', AIM),
      line(COPY_SAME, 'the same, with the columns that Keepsake writes'),
    ],
    raw: runs,
  };
};
