import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { createVerifyBackup } from '../../../activities/restores/restore-users.ts';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import { addressesOfList } from '../../../db/users/user-lists.ts';
import { partKey } from '../../../files/part-key.ts';
import type { TestDatabase } from '../database/database.ts';
import { type DeletionSteps, type SeededWorkspace, seedWorkspace } from './deletion.ts';
import { deleteUsers, rowsOf } from './restore.ts';
import { writeList } from './user-lists.ts';

const never = new AbortController().signal;

/** Counts of a restore that processed no user. */
export const NONE = { restored: 0, present: 0, notFound: 0, failed: 0, unprocessed: 0 };

let made = 0;

/** Steps of restores whose users are named by email addresses. */
export const restoresByMail = (database: () => TestDatabase, steps: DeletionSteps) => {
  const asOwner = (text: string, values: unknown[] = []) =>
    database().owner.pool.query(text, values);

  /** Makes users `u-1` … with unique addresses, and deletes the users with these ids. */
  const deleteSome = async (ids: string[], count = 10) => {
    const workspace = await seedWorkspace(database(), `mailed${made++}`, count);
    const before = await rowsOf(database(), workspace.workspaceId);
    const { exportId } = await deleteUsers(database(), steps, workspace, ids);
    return { workspace, before, exportId };
  };

  /** Queues a restore of the users that a list of email addresses names. */
  const askFor = async (workspace: SeededWorkspace, backupId: string, addresses: string[]) => {
    const { db } = database().api;
    const { id: listId } = await writeList(db, workspace, 'email', addresses);
    const id = uuidv7();
    await insertJob(db, {
      id,
      workspaceId: workspace.workspaceId,
      type: 'restore',
      selection: { type: 'list' },
      options: {},
      actorKeyId: workspace.keyId,
      backupId,
      targetsOf: { listId, users: addressesOfList(listId), are: 'addresses' },
    });
    return { id, listId };
  };

  const begin = async (jobId: string) => {
    await claimJob(database().worker.db, jobId, 'test-run');
    await steps.enter(jobId, 'verifyingBackup');
  };

  const look = (jobId: string, signal = never) => createVerifyBackup(steps.deps)({ jobId }, signal);

  /** Queues a retry of a restore, for all its users. */
  const retry = async (of: string, workspace: SeededWorkspace) => {
    const { rows } = await asOwner('SELECT selection, backup_id FROM jobs WHERE id = $1', [of]);
    const id = uuidv7();
    await insertJob(database().api.db, {
      id,
      workspaceId: workspace.workspaceId,
      type: 'restore',
      selection: rows[0].selection,
      options: {},
      actorKeyId: workspace.keyId,
      backupId: rows[0].backup_id,
      retry: { of, users: 'all' },
    });
    return id;
  };

  const countIn = async (table: 'job_targets' | 'job_addresses', jobId: string) => {
    const { rows } = await asOwner(`SELECT count(*) AS n FROM ${table} WHERE job_id = $1`, [jobId]);
    return rows[0].n as number;
  };

  /** Flips a bit in a part's file. @returns a function that repairs it */
  const spoil = async (exportId: string, part: number) => {
    const key = partKey({ exportId, attempt: 1, part, compression: 'zstd' });
    const file = join(steps.storageDir, key);
    const whole = await readFile(file);
    await writeFile(file, Buffer.from(whole).fill(whole.readUInt8(30) ^ 1, 30, 31));
    return () => writeFile(file, whole);
  };

  return { asOwner, deleteSome, askFor, begin, look, retry, countIn, spoil };
};
