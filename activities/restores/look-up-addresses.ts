import { lendRenewed } from '../../db/connections/connection.ts';
import type { PoolClient } from 'pg';
import {
  beginLookUp,
  endLookUp,
  matchStaged,
  mayEndLookUp,
} from '../../db/restores/address-look-up.ts';
import type { ExportRow } from '../../db/exports/exports.ts';
import { restoreStatements, type RestoreTarget } from '../../db/restores/restore-statements.ts';
import { listPartsToRestore, type PartToRestore, wantedIds } from '../../db/restores/restores.ts';
import type { ActivityDeps } from '../deps.ts';
import { failures } from '../failures.ts';
import { BEGIN_RESTORE } from './restore-settings.ts';
import { stagePart } from './restore-part.ts';

/** No nested loops: PostgreSQL cannot know how many addresses a job has. */
const BEGIN_LOOK_UP = `${BEGIN_RESTORE} SET LOCAL enable_nestloop = off;`;

interface LookUp {
  client: PoolClient;
  storage: ActivityDeps['storage'];
  jobId: string;
  target: RestoreTarget;
  signal: AbortSignal;
}

/**
 * Looks up the email addresses of a restore in its backup, among the users that the backup's job
 * deleted by it. The users found become the targets of the restore. All parts are read and
 * verified: a damaged part might name another user for an address. Work that another attempt has
 * done is not repeated.
 *
 * @throws backupDamaged, jobNotRunning
 */
export const lookUpAddresses = async (
  { database: { db }, lanes, storage }: Pick<ActivityDeps, 'database' | 'lanes' | 'storage'>,
  jobId: string,
  { backup, target }: { backup: ExportRow; target: RestoreTarget },
  signal: AbortSignal,
): Promise<void> => {
  const parts = await listPartsToRestore(db, { id: jobId, isChosen: false }, backup);
  const client = await lendRenewed(lanes);
  let isWhole = false;
  try {
    const look = { client, storage, jobId, target, signal };
    await beginLookUp(client);
    for (const part of parts) {
      signal.throwIfAborted();
      await matchPart(look, part);
    }
    signal.throwIfAborted();
    await endInOneTransaction(look);
    isWhole = true;
  } finally {
    // Closing the connection drops its temporary tables and its locks.
    client.release(!isWhole);
  }
};

/** Each part has its own transaction. One transaction for all parts would hold back VACUUM. */
const matchPart = async (look: LookUp, part: PartToRestore): Promise<void> => {
  const { client, jobId, target } = look;
  const { userIdColumn: userId, emailColumn: email } = target;
  // In a backup without email addresses no user matches.
  if (email === undefined) return;
  const statements = restoreStatements(target, 'text');
  await client.query(BEGIN_LOOK_UP);
  await stagePart(look, part, statements);
  if (!part.isWhole) {
    await client.query(statements.keepOnly(wantedIds({ jobId, isChosen: false, part })));
  }
  await matchStaged(client, jobId, { userId, email });
  await client.query('COMMIT');
};

const endInOneTransaction = async ({ client, jobId }: LookUp): Promise<void> => {
  await client.query(BEGIN_LOOK_UP);
  if (!(await mayEndLookUp(client, jobId))) {
    throw failures.jobNotRunning(jobId, 'not verifying its backup any more');
  }
  await endLookUp(client, jobId);
  await client.query('COMMIT');
};
