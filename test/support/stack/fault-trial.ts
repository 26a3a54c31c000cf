import type { ApiClient, Job } from '../../../local/api-client.ts';
import type { Trial } from '../database/invariants.ts';
import type { TestStack } from './stack.ts';
import { addWitness } from '../database/witness.ts';

const IN_INDIA = { type: 'filter', filter: { field: 'country', op: 'is', value: 'IN' } };

/** A time limit for a test whose job is interrupted. */
export const TRIAL_TIMEOUT_MS = 300_000;
/** Shorter, so that the error names the job. */
const FINISH_DEADLINE_MS = 240_000;

/** A trial through the API. */
export interface FaultTrial extends Trial {
  admin: ApiClient;
  /** Starts a deletion of four users in five, confirmed by a preview. @returns the job's id */
  start: () => Promise<string>;
  /** Waits until the job has ended, also after interruptions that cost much time. */
  finish: (jobId: string) => Promise<Job>;
}

/**
 * A workspace of `users` users, one in five of them not in India. Their names do not compress well.
 */
export const prepareTrial = async (
  { workspace, owner, storageDir }: TestStack,
  workspaceId: string,
  users: number,
): Promise<FaultTrial> => {
  const admin = await workspace(workspaceId);
  await addWitness(owner, workspaceId);
  await owner.pool.query(
    `INSERT INTO users (workspace_id, user_id, country, first_name, last_name)
     SELECT $1, 'u-' || n, CASE WHEN n % 5 = 0 THEN 'DE' ELSE 'IN' END, 'Zoë', md5(n::text)
       FROM generate_series(1, $2::int) n`,
    [workspaceId, users],
  );
  return {
    owner,
    storageDir,
    workspaceId,
    users,
    admin,
    start: async () => {
      const preview = await admin.succeed<{ id: string; count: number }>(
        'POST',
        '/v1/deletion-previews',
        { selection: IN_INDIA },
      );
      const { id } = await admin.succeed<{ id: string }>('POST', '/v1/deletions', {
        previewId: preview.id,
        confirm: { count: preview.count },
        reason: 'fault test',
      });
      return id;
    },
    finish: (jobId) => admin.finish(jobId, () => {}, FINISH_DEADLINE_MS),
  };
};

/** The counts of a deletion in which every selected user was deleted. */
export const allDeleted = ({ users }: Trial) => {
  const selected = (users / 5) * 4;
  const others = { changedSinceBackup: 0, notFound: 0, held: 0, failed: 0, unprocessed: 0 };
  return { state: 'succeeded', counts: { selected, deleted: selected, ...others } };
};
