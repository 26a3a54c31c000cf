import { useApi } from '../api/services.tsx';

export interface WorkspaceSize {
  /** All users of the workspace; undefined while, or where, nobody counts them. */
  all: number | undefined;
  /** The largest share that is deleted without an approval, in percent; undefined if any is. */
  limitPercent: number | undefined;
}

/** The users of a workspace, and the rule for nearly all of them. */
export const useWorkspaceSize = (): WorkspaceSize => {
  const api = useApi();
  const { data: users, error } = api.useQuery('get', '/v1/users', {
    params: { query: { limit: 1, count: 'exact' } },
  });
  const { data: settings } = api.useQuery('get', '/v1/settings', {}, { staleTime: Infinity });
  // An old number is not the present one.
  const all = error === null ? (users?.count ?? undefined) : undefined;
  const rule = settings?.deleteAll;
  const isRuled = rule !== undefined && (all === undefined || all >= rule.leastUsers);
  return { all, limitPercent: isRuled ? rule.percent : undefined };
};
