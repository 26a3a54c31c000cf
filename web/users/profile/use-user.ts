import { useQueryClient } from '@tanstack/react-query';
import { type Problem, problemOf } from '../../api/problem.ts';
import { withinTries } from '../../api/retry.ts';
import { useApi } from '../../api/services.tsx';
import type { User } from './user-fields.ts';

/** A user, and changes of it. */
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
  /**
   * Whether the change was written, and this part of the page is still shown. A failure is in
   * `error`.
   */
  change: (body: Record<string, unknown>) => Promise<boolean>;
  isSaving: boolean;
  /** The failure of the last change. */
  error: Problem | undefined;
  reset: () => void;
}

export const useUser = (userId: string): UserAccess => {
  const api = useApi();
  const queries = useQueryClient();
  const params = { path: { userId } };
  const loaded = api.useQuery('get', '/v1/users/{userId}', { params });
  const readAgain = () =>
    Promise.all([loaded.refetch(), queries.invalidateQueries({ queryKey: ['get', '/v1/users'] })]);
  // The change is under way until the page shows it, or the server is away.
  const onSuccess = () => withinTries(readAgain());
  const patch = api.useMutation('patch', '/v1/users/{userId}', { onSuccess });
  const loadError = problemIn(loaded.error);
  const error = problemIn(patch.error);
  return {
    user: loaded.data,
    isGone: loadError?.status === 404 || error?.status === 404,
    loadError,
    retry: () => void loaded.refetch(),
    reload: async () => {
      const now = await withinTries(loaded.refetch());
      return now?.isError ? undefined : now?.data;
    },
    change: async (body) => {
      try {
        await patch.mutateAsync({ params, body });
        return true;
      } catch {
        return false;
      }
    },
    isSaving: patch.isPending,
    error,
    reset: patch.reset,
  };
};

const problemIn = (error: unknown): Problem | undefined =>
  error === null || error === undefined ? undefined : problemOf(error);
