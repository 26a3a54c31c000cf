import { type Problem, problemOf } from '../../api/problem.ts';
import { withinTries } from '../../api/retry.ts';
import { useApi } from '../../api/services.tsx';
import type { User } from './user-fields.ts';

/** A user, as last read. */
export interface UserAccess {
  /** Undefined until it is loaded. */
  user: User | undefined;
  /** There is no such user, or no longer. */
  isGone: boolean;
  /** The user could not be read. */
  loadError: Problem | undefined;
  retry: () => void;
  /** The user as it is now; undefined if it cannot be read. */
  reload: () => Promise<User | undefined>;
}

export const useUser = (userId: string): UserAccess => {
  const loaded = useApi().useQuery('get', '/v1/users/{userId}', { params: { path: { userId } } });
  const loadError = loaded.error === null ? undefined : problemOf(loaded.error);
  return {
    user: loaded.data,
    isGone: loadError?.status === 404,
    loadError,
    retry: () => void loaded.refetch(),
    reload: async () => {
      const now = await withinTries(loaded.refetch());
      return now?.isError ? undefined : now?.data;
    },
  };
};
