import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { partKey } from '../../../files/part-key.ts';
import { useDatabase } from '../../support/database/database.ts';
import {
  createDeletionSteps,
  inIndia,
  seedWorkspace,
  startDeletion,
  type DeletionSteps,
} from '../../support/steps/deletion.ts';
import { withoutChecks, type Check } from '../../support/steps/gate.ts';

/** Each guard of the promise is needed: without the guard, a user is deleted wrongly. */

const database = useDatabase();
let steps: DeletionSteps;

const asOwner = (statement: string) => database().owner.pool.query(statement);

beforeAll(async () => {
  steps = await createDeletionSteps(database());
});

interface Target {
  id: string;
  jobId: string;
  exportId: string;
}

const fileOf = (exportId: string): string =>
  join(steps.storageDir, partKey({ exportId, attempt: 1, part: 1, compression: 'zstd' }));

const isThere = async ({ id }: Target, userId: string): Promise<boolean> => {
  const found = `SELECT FROM users WHERE workspace_id = '${id}' AND user_id = '${userId}'`;
  return (await asOwner(found)).rowCount === 1;
};

/** One batch as in the activity, but without the hash of the file. */
const call = async ({ exportId }: Target, meanwhile = async () => {}): Promise<string> => {
  const client = await database().app.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT delete_backed_up_users($1, 1, 0, 1000)', [exportId]);
    await meanwhile();
    await client.query('COMMIT');
    return 'done';
  } catch (error) {
    await client.query('ROLLBACK');
    return (error as { code: string }).code;
  } finally {
    client.release();
  }
};

/** Replaces a user of the backup by a newcomer at the same row id. */
const replaceUser = async ({ id }: Target): Promise<void> => {
  await asOwner(`DELETE FROM users WHERE workspace_id = '${id}' AND user_id = 'u-2'`);
  await asOwner(`VACUUM "users_${id}"`);
  await asOwner(`INSERT INTO users (workspace_id, user_id) VALUES ('${id}', 'new')`);
  const { rows } = await asOwner(`SELECT ctid FROM "users_${id}" WHERE user_id = 'new'`);
  expect(rows).toEqual([{ ctid: '(0,2)' }]);
};

/** Changes a row that another connection may hold. False if that connection did not release it. */
const changesAtOnce = async (statement: string): Promise<boolean> => {
  const client = await database().owner.pool.connect();
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = '300ms'`);
    await client.query(statement);
    await client.query('COMMIT');
    return true;
  } catch {
    await client.query('ROLLBACK');
    return false;
  } finally {
    client.release();
  }
};

interface Guard {
  name: string;
  check: Check;
  /** @returns whether a user was deleted that must not be deleted */
  attack: (target: Target) => Promise<boolean>;
}

const GUARDS: Guard[] = [
  {
    name: 'the stamp and the tuple',
    check: [
      'public.is_unchanged_since(u.written_in, u.xmin, $2, $3)',
      '$2 IS NOT NULL AND $3 IS NOT NULL',
    ],
    attack: async (target) => {
      await replaceUser(target);
      await call(target);
      return !(await isThere(target, 'new'));
    },
  },
  {
    name: 'the tuple',
    check: [
      'public.is_unchanged_since(u.written_in, u.xmin, $2, $3)',
      'pg_visible_in_snapshot(u.written_in, $2) AND $3 IS NOT NULL',
    ],
    // A trigger has given the newcomer the stamp of an old row, and was dropped.
    attack: async (target) => {
      const table = `"users_${target.id}"`;
      await asOwner(`CREATE OR REPLACE FUNCTION hand_back() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.written_in := '3'; RETURN NEW; END $$`);
      await asOwner(`CREATE TRIGGER zzzz BEFORE INSERT ON ${table}
        FOR EACH ROW EXECUTE FUNCTION hand_back()`);
      await replaceUser(target);
      await asOwner(`DROP TRIGGER zzzz ON ${table}`);
      await call(target);
      return !(await isThere(target, 'new'));
    },
  },
  {
    name: 'the fingerprint',
    check: [
      'public.users_fingerprint(partition_oid) IS DISTINCT FROM backup.fingerprint',
      'partition_oid IS NULL',
    ],
    attack: async (target) => {
      await asOwner(`ALTER TABLE users ADD COLUMN added_${target.id} text DEFAULT 'unsaved'`);
      await call(target);
      return !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the origin of the snapshot',
    check: ['AND a.xmin = a.recorded_in::xid', ''],
    // As in a copy of a server with higher transaction ids: all rows written here look old to the
    // snapshot.
    attack: async (target) => {
      await replaceUser(target);
      await asOwner(`UPDATE export_attempts SET snapshot = '900000000:900000000:',
        recorded_in = '900000001' WHERE export_id = '${target.exportId}'`);
      await call(target);
      return !(await isThere(target, 'new'));
    },
  },
  {
    name: 'the share lock on the export',
    check: [`AND e.attempt = backup.attempt FOR SHARE`, 'AND e.attempt = backup.attempt'],
    attack: async (target) => {
      let isPurged = false;
      await call(target, async () => {
        isPurged = await changesAtOnce(
          `UPDATE exports SET state = 'removed', removed_at = now() WHERE id = '${target.exportId}'`,
        );
        if (isPurged) await rm(fileOf(target.exportId));
      });
      return isPurged && !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the share lock on the job',
    check: [`j.phase = 'deleting' FOR SHARE`, `j.phase = 'deleting'`],
    attack: async (target) => {
      let isCancelled = false;
      await call(target, async () => {
        isCancelled = await changesAtOnce(
          `UPDATE jobs SET state = 'cancelling' WHERE id = '${target.jobId}'`,
        );
      });
      return isCancelled && !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the state of the job',
    check: [`AND j.state = 'running' AND j.phase = 'deleting'`, ''],
    attack: async (target) => {
      await asOwner(`UPDATE jobs SET phase = 'settling' WHERE id = '${target.jobId}'`);
      await call(target);
      return !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the state of the export',
    check: [`AND e.state = 'verified'`, ''],
    attack: async (target) => {
      await asOwner(`UPDATE exports SET state = 'damaged' WHERE id = '${target.exportId}'`);
      await call(target);
      return !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the admission',
    check: [
      `SELECT a.is_approved INTO admitted FROM public.admitted_deletions a
   WHERE a.export_id = p_export AND a.attempt = backup.attempt;`,
      'SELECT false AS is_approved INTO admitted;',
    ],
    attack: async (target) => {
      await asOwner(`DELETE FROM admitted_deletions WHERE export_id = '${target.exportId}'`);
      await call(target);
      return !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the request that runs with this very job',
    check: ['admitted.is_approved AND NOT public.is_approved_run(backup.job_id)', 'false'],
    attack: async (target) => {
      await asOwner(
        `UPDATE admitted_deletions SET is_approved = true WHERE export_id = '${target.exportId}'`,
      );
      await call(target);
      return !(await isThere(target, 'u-2'));
    },
  },
  {
    name: 'the legal hold',
    check: ['AND NOT u.legal_hold', ''],
    attack: async (target) => {
      await call(target);
      return !(await isThere(target, 'u-4'));
    },
  },
];

let made = 0;

/** A verified backup of u-2 and of u-4, which is held, and its job about to delete. */
const prepare = async (): Promise<Target> => {
  const id = `guard${made++}`;
  const workspace = await seedWorkspace(database(), id, 4);
  await asOwner(
    `UPDATE users SET legal_hold = true WHERE workspace_id = '${id}' AND user_id = 'u-4'`,
  );
  const jobId = await startDeletion(database(), workspace, { filter: inIndia, confirmed: 2 });
  const { exportId } = await steps.backUp(jobId);
  await steps.enter(jobId, 'deleting');
  await steps.admit(exportId);
  return { id, jobId, exportId };
};

test.each(GUARDS)(
  'an attack fails because of $name; without it, a user is deleted wrongly',
  async ({ check, attack }) => {
    expect(await attack(await prepare())).toBe(false);
    const isLost = withoutChecks(database().owner, [check], async () => attack(await prepare()));
    expect(await isLost).toBe(true);
  },
);

test('the cursor prevents a second deletion of a slice; without it, only the key of the batch does', async () => {
  const target = await prepare();
  expect([await call(target), await call(target)]).toEqual(['done', 'KS002']);
  await withoutChecks(database().owner, [['AND p.cursor = p_cursor', '']], async () => {
    const other = await prepare();
    expect([await call(other), await call(other)]).toEqual(['done', '23505']);
  });
});

test('the second hash prevents a deletion by a changed file; without it, the user is deleted', async () => {
  const [kept, lost] = [await prepare(), await prepare()];
  for (const { exportId } of [kept, lost]) await writeFile(fileOf(exportId), 'something else');
  await expect(steps.remove(kept.jobId, kept.exportId)).rejects.toMatchObject({
    type: 'backupDamaged',
  });
  expect(await isThere(kept, 'u-2')).toBe(true);
  expect(await call(lost)).toBe('done');
  expect(await isThere(lost, 'u-2')).toBe(false);
});
