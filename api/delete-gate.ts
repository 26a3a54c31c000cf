import type { Db } from '../db/client.ts';
import type { Config } from '../config.ts';
import { countWorkspaceUsers } from '../db/previews.ts';
import { coversWorkspace, DELETE_ALL_MIN_USERS } from '../selection/gate.ts';
import { problem } from './problems.ts';

/** @throws ProblemError when so many users are nearly the whole workspace */
export const refuseNearlyAll = async (
  db: Db,
  { deleteAllPercent }: Pick<Config, 'deleteAllPercent'>,
  workspaceId: string,
  selected: number,
): Promise<void> => {
  if (selected < DELETE_ALL_MIN_USERS) return;
  const all = await countWorkspaceUsers(db, workspaceId);
  if (!coversWorkspace(selected, all, deleteAllPercent)) return;
  throw problem(
    'delete-all-required',
    `The selection holds ${selected} of the ${all} users of workspace ${workspaceId}.`,
  );
};
