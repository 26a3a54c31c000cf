import { sql, type SqlBool } from 'kysely';
import type { Db } from '../../db/client.ts';
import { findJobRow, type JobRow, listTargetIds } from '../../db/jobs/jobs.ts';
import { countTargets } from '../../db/jobs/settlement.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { isUnreadableSelection, readFrozenSelection } from '../../selection/frozen-selection.ts';
import { problem, type ProblemError } from '../http/problems.ts';
import { resolveMatching, type ResolvedSelection } from './resolve-selection.ts';

const POINTER = '/ofJob';

/** The types of jobs that select users of the workspace. */
const SELECTING: readonly string[] = ['deletion', 'export'];

/**
 * The selection of an earlier job, as it was frozen then: its filter, or the users that it named. A
 * retry names those that the job before it left; they must still match.
 *
 * @throws ProblemError if there is no such job, or its selection was erased, is all users, or
 *   cannot be read
 */
export const resolveJobSelection = async (
  db: Db,
  workspaceId: string,
  jobId: string,
): Promise<ResolvedSelection> => {
  const job = await getSelectingJob(db, workspaceId, jobId);
  const frozen = reading(job, () => readFrozenSelection(job.selection));
  switch (frozen.type) {
    case 'all':
      throw refuse(job, 'selects all users, which needs a delete-all request');
    case 'ids': {
      const ids = await listTargetIds(db, jobId);
      return {
        frozen: { type: 'ids', count: ids.length },
        targetIds: ids,
        where: sql<SqlBool>`users.user_id = ANY (${ids}::text[])`,
      };
    }
    case 'list':
      return { listOfJob: { listId: frozen.listId, jobId } };
    case 'segment':
    case 'filter':
    case 'query': {
      const types = await propertyTypesOf(db, workspaceId);
      const matching = reading(job, () => resolveMatching(frozen, types));
      if ((await countTargets(db, jobId, 1)) === 0) return matching;
      return { listOfJob: { listId: jobId, jobId, where: matching.where } };
    }
  }
};

const getSelectingJob = async (db: Db, workspaceId: string, jobId: string): Promise<JobRow> => {
  const job = await findJobRow(db, jobId, workspaceId);
  if (job === undefined) {
    throw problem('not-found', `There is no job ${jobId} in this workspace.`, {
      errors: [{ detail: 'is not a job of this workspace', pointer: POINTER }],
    });
  }
  if (!SELECTING.includes(job.type)) throw refuse(job, 'is neither an export nor a deletion');
  if (job.erased_at === null) return job;
  throw problem(
    'gone',
    `The selection of job ${jobId} was erased at ${job.erased_at.toISOString()}.`,
  );
};

/** The filter may be unreadable only now: the properties of the workspace may have changed. */
const reading = <T>(job: JobRow, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (isUnreadableSelection(error)) throw refuse(job, 'has a selection that cannot be read');
    throw error;
  }
};

const refuse = ({ id }: JobRow, detail: string): ProblemError =>
  problem('unprocessable', `Job ${id} ${detail}.`, { errors: [{ detail, pointer: POINTER }] });
