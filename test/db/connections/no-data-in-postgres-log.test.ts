import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { migrateForTests } from '../../support/database/migrate-for-tests.ts';
import { mergeUsers } from '../../../db/users/user-merge.ts';
import { removeDataFolder } from '../../../local/postgres/postgres-place.ts';
import { startPostgres, type Postgres } from '../../../local/postgres/postgres.ts';
import {
  closeTestDatabase,
  openTestDatabase,
  type TestDatabase,
} from '../../support/database/database.ts';
import {
  createDeletionSteps,
  reasonsOf,
  seedWorkspace,
  startDeletion,
  type DeletionSteps,
  type SeededWorkspace,
} from '../../support/steps/deletion.ts';
import { createImportSteps, failuresOf } from '../../support/steps/import.ts';
import { deleteUsers, restoreUsers } from '../../support/steps/restore.ts';

/** Part of every value of a user, and of no statement of this test. */
const CANARY = 'kanarie';
const USERS = 5_000;

let folder: string;
let postgres: Postgres;
let database: TestDatabase;
let steps: DeletionSteps;
let workspace: SeededWorkspace;
let poller: Client;

/** Running statements that hold a canary. */
const seen = new Set<string>();
const polling = new AbortController();
let polled: Promise<void>;

const poll = async (): Promise<void> => {
  while (!polling.signal.aborted) {
    const { rows } = await poller.query<{ query: string }>(
      'SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
    );
    for (const { query } of rows) if (query.includes(CANARY)) seen.add(query);
  }
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keepsake-log-'));
  postgres = await startPostgres({
    dataDir: folder,
    settings: { log_statement: 'all', log_min_duration_statement: '0' },
  });
  await migrateForTests(postgres.url);
  database = openTestDatabase(postgres.url);
  steps = await createDeletionSteps(database);
  workspace = await seedWorkspace(database, 'quiet', USERS);
  await database.owner.pool.query('ALTER TABLE users ADD COLUMN nick text');
  poller = new Client({ connectionString: postgres.url });
  await poller.connect();
  polled = poll();
});

afterAll(async () => {
  polling.abort();
  await polled;
  await poller.end();
  await closeTestDatabase(database);
  await postgres.stop();
  removeDataFolder(folder);
  rmSync(folder, { recursive: true, force: true });
});

const asOwner = (statement: string, values: unknown[] = []) =>
  database.owner.pool.query(statement, values);

const addUsers = (...users: { id: string; email: string; nick?: string }[]) =>
  asOwner(
    `INSERT INTO users (workspace_id, user_id, email, nick)
     SELECT 'quiet', u.id, u.email, u.nick
       FROM jsonb_to_recordset($1::jsonb) AS u (id text, email text, nick text)`,
    [JSON.stringify(users)],
  );

/**
 * Makes the database refuse each of these users: by a CHECK, a unique index, a type, and triggers
 * that quote the row.
 */
const refuse = async () => {
  await asOwner(`ALTER TABLE users_quiet
    ADD CONSTRAINT no_refused CHECK (email NOT LIKE '%-refused@%') NOT VALID`);
  await asOwner('CREATE UNIQUE INDEX one_mail ON users_quiet (email)');
  await asOwner(`CREATE FUNCTION raise_it() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.email LIKE '%-raised@%' THEN
        RAISE WARNING 'here comes %', NEW.email;
        RAISE EXCEPTION 'no %', NEW.email USING DETAIL = NEW.email;
      END IF;
      PERFORM CASE WHEN NEW.email LIKE '%-cast@%' THEN NEW.email::date END;
      RETURN NEW;
    END $$`);
  await asOwner(`CREATE TRIGGER raise_it BEFORE INSERT OR UPDATE ON users_quiet
    FOR EACH ROW EXECUTE FUNCTION raise_it()`);
};

const mailOf = (name: string) => `${CANARY}-${name}@example.com`;

const REFUSED = ['refused', 'raised', 'cast'];

const exportWith = async (selection: object): Promise<number> => {
  const jobId = uuidv7();
  await insertJob(database.app.db, {
    id: jobId,
    workspaceId: 'quiet',
    type: 'export',
    selection,
    options: {
      format: 'csv',
      compression: 'gzip',
      columns: ['userId', 'email'],
      spreadsheetSafe: true,
      notify: false,
    },
    actorKeyId: workspace.keyId,
  });
  await claimJob(database.app.db, jobId, 'run');
  return (await steps.write(jobId)).rows;
};

test('no value of a user appears in the log of PostgreSQL, or in its list of running statements', async () => {
  const ids = REFUSED.map((name) => `${CANARY}-${name}`);
  await addUsers(
    ...REFUSED.map((name) => ({ id: `${CANARY}-${name}`, email: mailOf(name) })),
    { id: `${CANARY}-typed`, email: mailOf('typed'), nick: `${CANARY}-nick` },
    { id: `${CANARY}-taken`, email: mailOf('taken') },
  );

  // An export with a filter and excluded users, and a deletion of chosen users.
  const filter = { field: 'email', op: 'isNot', value: mailOf('typed') };
  expect(await exportWith({ type: 'filter', filter, excludeIds: [`${CANARY}-taken`] })).toBe(
    USERS + 3,
  );
  const gone = [...ids, `${CANARY}-typed`, `${CANARY}-taken`];
  const { exportId } = await deleteUsers(database, steps, workspace, gone);
  const filtered = await startDeletion(database, workspace, {
    filter: { field: 'email', op: 'in', value: ['u1@example.com', mailOf('nobody')] },
    confirmed: 1,
  });
  await steps.remove(filtered, (await steps.backUp(filtered)).exportId);
  await steps.settle(filtered, 1, true);

  // Users that constraints, triggers and casts refuse: restored, imported, and sent to the API.
  await refuse();
  await addUsers({ id: `${CANARY}-other`, email: mailOf('taken') });
  await asOwner('ALTER TABLE users ALTER COLUMN nick TYPE date USING NULL');
  const restored = await restoreUsers(database, steps, workspace, exportId);
  expect(Object.keys(await reasonsOf(database, restored.jobId))).toHaveLength(5);

  const lines = [...REFUSED, 'taken'].map((name) => `${CANARY}-${name},${mailOf(name)},`);
  const file = ['userId,email,dob', `${CANARY}-bad,${mailOf('bad')},${CANARY}`, ...lines];
  const imported = await (
    await createImportSteps(database)
  ).run(workspace, `${[...file, `fine,${mailOf('fine')},`].join('\n')}\n`);
  expect(await failuresOf(database, imported.jobId)).toHaveLength(5);

  const changes = [...REFUSED, 'taken', 'fine'].map((name) => ({
    userId: `${CANARY}-${name}`,
    columns: { email: name === 'fine' ? mailOf('merged') : mailOf(name) },
    properties: {},
  }));
  const options = { actorKeyId: workspace.keyId, mayCreate: true, mayClearHold: false };
  const merged = await mergeUsers(database.app.db, 'quiet', changes, options);
  expect(merged.filter((outcome) => typeof outcome === 'object')).toHaveLength(4);

  polling.abort();
  await polled;
  expect([...seen]).toEqual([]);
  const log = readFileSync(join(folder, 'logs', 'postgres.log'), 'utf8');
  expect(log).toContain('COPY (');
  expect(log.split('\n').filter((line) => line.includes(CANARY))).toEqual([]);
});
