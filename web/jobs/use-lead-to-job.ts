import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRefreshUsers } from './use-refresh-users.ts';

/**
 * Leads to the page of a job that has just started. Lists of jobs are read again, and so is the job
 * that it retries. With `replace`, Back leads to the page before this one.
 */
export const useLeadToJob = (): ((id: string, replace?: boolean) => void) => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const refreshUsers = useRefreshUsers();
  return (id, replace = false) => {
    for (const path of ['/v1/jobs', '/v1/jobs/{id}']) {
      void queries.invalidateQueries({ queryKey: ['get', path] });
    }
    refreshUsers();
    void navigate({ to: '/jobs/$id', params: { id }, replace });
  };
};
