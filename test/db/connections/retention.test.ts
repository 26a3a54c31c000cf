import { expect, test } from 'vitest';
import { OF_THE_DATABASE } from '../../../rules/retention.ts';
import { useDatabase } from '../../support/database/database.ts';

/** The lifetimes in rules/retention.ts that the database has are those of the migrations. */

const database = useDatabase();

const read = async (expression: string): Promise<string> => {
  const { rows } = await database().owner.pool.query(`SELECT (${expression})::text AS text`);
  return rows[0].text as string;
};

const sourceOf = (name: string) => read(`SELECT prosrc FROM pg_proc WHERE proname = '${name}'`);

test('lifetimes are the same in rules/retention.ts and in the database', async () => {
  const { userListDays, previewedUsersHours, oldPreviewDays, fruitlessJobDays } = OF_THE_DATABASE;
  const { sessionHours, sessionIdleHours } = OF_THE_DATABASE;
  const listExpiry = await read(`SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
    WHERE adrelid = 'user_lists'::regclass
      AND adnum = (SELECT attnum FROM pg_attribute
                    WHERE attrelid = 'user_lists'::regclass AND attname = 'expires_at')`);
  expect(listExpiry).toContain(`'${userListDays} day'::interval`);
  const intervals = {
    erase_preview_targets: `'${previewedUsersHours} hour'`,
    erase_old_previews: `'${oldPreviewDays} day'`,
    erase_fruitless_jobs: `'${fruitlessJobDays} days'`,
    begin_session: `'${sessionHours} hours'`,
    is_session_live: `'${sessionIdleHours} hours'`,
  };
  for (const [name, interval] of Object.entries(intervals)) {
    const found = (await sourceOf(name)).match(/interval ('[^']*')/g);
    expect({ name, found }).toEqual({ name, found: [`interval ${interval}`] });
  }
});
