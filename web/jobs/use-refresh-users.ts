import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';

/** What a job changes: its users, and what counts them. */
const CHANGED_PATHS = ['/v1/users', '/v1/users/{userId}', '/v1/overview', '/v1/backups'] as const;

/** Reads the users again, and what counts them: they have changed, as when a job begins or ends. */
export const useRefreshUsers = (): (() => void) => {
  const queries = useQueryClient();
  return useCallback(() => {
    for (const path of CHANGED_PATHS) {
      void queries.invalidateQueries({ queryKey: ['get', path] });
    }
  }, [queries]);
};
