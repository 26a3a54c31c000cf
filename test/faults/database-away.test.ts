import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_ROLE, WORKER_ROLE } from '../../db/roles.ts';
import type { ApiClient, Job } from '../../local/api-client.ts';
import { requestWorkflowIdOf } from '../../workflows/contracts/delete-all.ts';
import { workflowIdOf } from '../../workflows/contracts/jobs.ts';
import { createDeleteAllApi } from '../support/http/delete-all-api.ts';
import { allDeleted, prepareTrial } from '../support/stack/fault-trial.ts';
import { expectInvariants } from '../support/database/invariants.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { waitUntil, waitFor } from '../support/wait.ts';

const stack = useOwnStack();

const USERS = 50_000;
const LINES = 30_000;

/** Connected to another database without time-outs, so no fault ends this connection. */
let admin: Client;
let database = '';

beforeAll(async () => {
  const url = new URL(stack().stack.info().databaseUrl);
  database = url.pathname.slice(1);
  url.pathname = '/postgres';
  admin = new Client({ connectionString: url.href });
  await admin.connect();
  await admin.query('SET transaction_timeout = 0');
});

afterAll(() => admin.end());

const run = async (...statements: string[]): Promise<void> => {
  for (const statement of statements) await admin.query(statement);
};

const cut = () =>
  run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);

const setting = (change: string) => run(`ALTER SYSTEM ${change}`, 'SELECT pg_reload_conf()');

const LOGINS = [API_ROLE, WORKER_ROLE];

/** Makes the database available again. */
type Undo = () => Promise<unknown>;

const changePassword = async (): Promise<Undo> => {
  const { rows } = await admin.query<{ role: string; hash: string }>(
    'SELECT rolname AS role, rolpassword AS hash FROM pg_authid WHERE rolname = ANY ($1)',
    [LOGINS],
  );
  for (const { role } of rows) await run(`ALTER ROLE ${role} PASSWORD 'another'`);
  await cut();
  return async () => {
    for (const { role, hash } of rows) await run(`ALTER ROLE ${role} PASSWORD '${hash}'`);
  };
};

const rename = async (): Promise<Undo> => {
  await run(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
  await cut();
  await waitFor(() => run(`ALTER DATABASE ${database} RENAME TO elsewhere`));
  await run('ALTER DATABASE elsewhere ALLOW_CONNECTIONS true');
  return () => run(`ALTER DATABASE elsewhere RENAME TO ${database}`);
};

const FAULTS: [name: string, workspace: string, strike: () => Promise<Undo>][] = [
  [
    'read-only (25006)',
    'readonly',
    async () => {
      await setting('SET default_transaction_read_only = on');
      return () => setting('RESET default_transaction_read_only');
    },
  ],
  ['behind another password (28P01)', 'password', changePassword],
  [
    'closed to its login (28000)',
    'nologin',
    async () => {
      for (const role of LOGINS) await run(`ALTER ROLE ${role} NOLOGIN`);
      await cut();
      return async () => {
        for (const role of LOGINS) await run(`ALTER ROLE ${role} LOGIN`);
      };
    },
  ],
  [
    'without its grant to connect (42501)',
    'nogrant',
    async () => {
      await run(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
      await cut();
      return () => run(`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`);
    },
  ],
  [
    'closed to all (55000)',
    'closed',
    async () => {
      await run(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
      await cut();
      return () => run(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
    },
  ],
  ['under another name (3D000)', 'renamed', rename],
];

/** The key of the advisory lock that holds up statements on many users. */
const GATE = 5_150;

/**
 * Makes statements on many users of the workspace wait until nobody holds the lock, so that a fault
 * occurs during them. The rehearsal of a deletion, which deletes few users, does not wait.
 */
const makeWait = (workspaceId: string, event: string, rows: 'OLD' | 'NEW') =>
  stack().sql(`CREATE FUNCTION wait_${workspaceId}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN
        IF (SELECT count(*) FROM changed) < 100 THEN RETURN NULL; END IF;
        LOOP
          PERFORM pg_sleep(0.2);
          EXIT WHEN pg_try_advisory_xact_lock_shared(${GATE});
        END LOOP;
        RETURN NULL;
      END $$;
    CREATE TRIGGER wait AFTER ${event} ON users_${workspaceId} REFERENCING ${rows} TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION wait_${workspaceId}()`);

/** Holds up statements on many users until it is opened, or the fault ends its connection. */
const closeGate = async (): Promise<() => Promise<void>> => {
  const holder = new Client({ connectionString: stack().stack.info().databaseUrl });
  holder.on('error', () => {});
  await holder.connect();
  await holder.query(`SELECT pg_advisory_lock(${GATE})`);
  return () => holder.end();
};

/**
 * Waits until a step of the workflow has failed because the database was away, and waits for its
 * next try.
 */
const untilTriedAgain = (workflowId: string) =>
  waitFor(async () => {
    const { raw } = await stack().temporal.workflow.getHandle(workflowId).describe();
    const types = (raw.pendingActivities ?? []).map(
      ({ lastFailure }) => lastFailure?.applicationFailureInfo?.type,
    );
    expect(types).toContain('databaseUnavailable');
  }, 100);

/**
 * Waits until the job is in this phase. In the phases of these tests no step is a local activity,
 * so Temporal reports each failed step.
 */
const untilPhase = (client: ApiClient, id: string, phase: string) =>
  waitUntil(async () => (await client.succeed<Job>('GET', `/v1/jobs/${id}`)).phase === phase);

const prepareImport = async (workspaceId: string) => {
  const client = await stack().workspace(workspaceId);
  await makeWait(workspaceId, 'INSERT', 'NEW');
  const lines = Array.from({ length: LINES }, (_, n) => `u-${n},Pune\n`).join('');
  return {
    client,
    start: () => client.importFile(new Blob([`userId,city\n${lines}`]), { mode: 'update' }),
  };
};

test.each(FAULTS)(
  'a deletion, an import and an approval all succeed although the database was %s',
  async (_name, workspaceId, strike) => {
    const requests = createDeleteAllApi(stack());
    await requests.makeKey('platform', null, 'pia@platform.example');
    const request = await requests.ask(`${workspaceId}all`, 10);
    const trial = await prepareTrial(stack(), workspaceId, USERS);
    await makeWait(workspaceId, 'DELETE', 'OLD');
    const wanted = await prepareImport(`${workspaceId}in`);
    const openGate = await closeGate();
    const [id, { id: importId }] = await Promise.all([trial.start(), wanted.start()]);
    await Promise.all([
      untilPhase(trial.admin, id, 'deleting'),
      untilPhase(wanted.client, importId, 'importing'),
    ]);

    const undo = await strike();
    await openGate();
    const requestWorkflow = requestWorkflowIdOf(request.id);
    const signal = { code: await requests.codeFor('approve', request.id, 'pia@platform.example') };
    let answer: unknown;
    try {
      await stack().temporal.workflow.getHandle(requestWorkflow).signal('approve', signal);
      await untilTriedAgain(workflowIdOf({ id, type: 'deletion' }));
      await untilTriedAgain(workflowIdOf({ id: importId, type: 'import' }));
      await untilTriedAgain(requestWorkflow);
      answer = await trial.admin.call('POST', '/v1/users', { userId: 'meanwhile' });
    } finally {
      await undo();
    }

    expect(answer).toMatchObject({
      status: 503,
      body: { type: '/problems/database-unavailable' },
    });
    await requests.until(request.admin, request.id, ({ state }) => state === 'open');
    expect(await wanted.client.finish(importId)).toMatchObject({
      state: 'succeeded',
      counts: { lines: LINES, imported: LINES, failed: 0 },
    });
    expect(await trial.admin.finish(id)).toMatchObject(allDeleted(trial));
    await expectInvariants(trial);
  },
  180_000,
);
