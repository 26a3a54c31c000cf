import { type RawBuilder, sql, type SqlBool } from 'kysely';
import type { Db } from '../../db/client.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { compileSelection } from '../../selection/compile-selection.ts';
import {
  isUnreadableSelection,
  namesItsUsers,
  readFrozenSelection,
} from '../../selection/frozen-selection.ts';
import { failures } from '../failures.ts';
import type { RunningJob } from './running-job.ts';

/**
 * The condition of a job's selection, as frozen. Users that are named one by one are the targets of
 * the job, and have no condition.
 *
 * @throws selectionUnreadable when the stored selection has lost a part, or has a part too many
 */
export const conditionOfJob = async (
  db: Db,
  { id, workspaceId, selection }: RunningJob,
): Promise<RawBuilder<SqlBool>> => {
  const types = await propertyTypesOf(db, workspaceId);
  try {
    const frozen = readFrozenSelection(selection);
    return namesItsUsers(frozen) ? sql<SqlBool>`true` : compileSelection(frozen, types);
  } catch (error) {
    if (isUnreadableSelection(error)) throw failures.selectionUnreadable(id);
    throw error;
  }
};
