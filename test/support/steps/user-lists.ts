import { uuidv7 } from 'uuidv7';
import type { Db } from '../../../db/client.ts';
import {
  addEntries,
  beginUserList,
  completeUserList,
  type ListRef,
} from '../../../db/users/user-lists.ts';
import type { MatchBy } from '../../../selection/selection.ts';
import type { SeededWorkspace } from './deletion.ts';

/** Writes a list of these entries, as the API does. */
export const writeList = async (
  db: Db,
  { workspaceId, keyId }: SeededWorkspace,
  matchBy: MatchBy,
  entries: readonly string[],
): Promise<ListRef> => {
  const list = { id: uuidv7(), workspaceId, matchBy };
  await beginUserList(db, { ...list, actorKeyId: keyId });
  const lines = entries.map((entry, n) => ({ line: n + 2, entry }));
  const added = await addEntries(db, list, lines);
  await completeUserList(db, list, { entries: added, repeated: 0, empty: 0 });
  return list;
};
