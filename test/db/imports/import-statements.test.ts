import { expect, test } from 'vitest';
import { toFailure } from '../../../activities/failures.ts';
import { useDatabase } from '../../support/database/database.ts';
import { countOf, seedWorkspace } from '../../support/steps/deletion.ts';
import { useImportSteps, failuresOf } from '../../support/steps/import.ts';

const database = useDatabase();
const steps = useImportSteps(database);

const query = (text: string) => database().owner.pool.query(text);

const withTrigger = (id: string, body: string): string => `
  CREATE FUNCTION broken_${id}() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN ${body} RETURN NEW; END $$;
  CREATE TRIGGER broken AFTER INSERT ON users_${id} FOR EACH ROW EXECUTE FUNCTION broken_${id}()`;

/** Valid lines, and an invalid one. */
const FILE = `userId,city\n${Array.from({ length: 2_000 }, (_, n) => `u-${n},Pune\n`).join('')}u-x,${'x'.repeat(300)}\n`;

test.each([
  [
    'nogrant',
    'REVOKE INSERT ON users_nogrant FROM keepsake_app',
    'GRANT INSERT ON users_nogrant TO keepsake_app',
    '42501',
  ],
  [
    'brokentrigger',
    withTrigger('brokentrigger', 'PERFORM 1 FROM no_such_table;'),
    'DROP TRIGGER broken ON users_brokentrigger',
    '42P01',
  ],
  [
    'unsupported',
    withTrigger('unsupported', `EXECUTE 'SELECT count(*) FROM users FOR UPDATE';`),
    'DROP TRIGGER broken ON users_unsupported',
    '0A000',
  ],
  [
    'nolog',
    'ALTER TABLE import_failures ADD CONSTRAINT no_log CHECK (line < 0) NOT VALID',
    'ALTER TABLE import_failures DROP CONSTRAINT no_log',
    '23514, constraint no_log',
  ],
])(
  'a statement that fails for every line (%s) ends the import with its own error, and rejects no line',
  async (id, breaks, repairs, code) => {
    const workspace = await seedWorkspace(database(), id, 0);
    const jobId = await steps.start(workspace, FILE);
    await steps.check(jobId);
    await query(breaks);
    const failure = await steps.import(jobId).catch(toFailure);
    await query(repairs);
    expect(failure).toMatchObject({ type: 'databaseRefused', nonRetryable: true });
    expect((failure as Error).message).toContain(`SQLSTATE ${code}`);
    expect(await failuresOf(database(), jobId)).toEqual([]);
    expect(await countOf(database(), id)).toBe(0);
    // Once the error is fixed, the same job imports every line.
    await steps.import(jobId);
    expect(await countOf(database(), id)).toBe(2_000);
  },
);
