import type { Pool } from 'pg';

/** Runs `work` while no other statement can read the users of the workspace. */
export const withLockedUsers = async (
  owner: Pool,
  workspaceId: string,
  work: () => Promise<void>,
): Promise<void> => {
  const client = await owner.connect();
  try {
    await client.query(`BEGIN; LOCK TABLE "users_${workspaceId}" IN ACCESS EXCLUSIVE MODE`);
    await work();
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
};
