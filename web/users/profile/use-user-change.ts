import { useQueryClient } from '@tanstack/react-query';
import { type Problem, problemOf } from '../../api/problem.ts';
import { useApi } from '../../api/services.tsx';

export interface UserChange {
  /**
   * Whether the change was written, and the part of the page is still shown. A failure is in
   * `error`.
   */
  change: (body: Record<string, unknown>) => Promise<boolean>;
  isSaving: boolean;
  /** The failure of the last change. */
  error: Problem | undefined;
  reset: () => void;
}

/** Changes a user from one part of the page, and ends with that part. */
export const useUserChange = (userId: string): UserChange => {
  const api = useApi();
  const queries = useQueryClient();
  const params = { path: { userId } };
  const { queryKey } = api.queryOptions('get', '/v1/users/{userId}', { params });
  const patch = api.useMutation('patch', '/v1/users/{userId}', {
    onSuccess: (user) => {
      queries.setQueryData(queryKey, user);
      // This also replaces a read that began before, and would bring back what was there before.
      void queries.invalidateQueries({ queryKey });
      void queries.invalidateQueries({ queryKey: ['get', '/v1/users'] });
    },
    // The user may be gone.
    onError: () => void queries.invalidateQueries({ queryKey }),
  });
  return {
    change: async (body) => {
      try {
        await patch.mutateAsync({ params, body });
        return true;
      } catch {
        return false;
      }
    },
    isSaving: patch.isPending,
    error: patch.error === null ? undefined : problemOf(patch.error),
    reset: patch.reset,
  };
};
