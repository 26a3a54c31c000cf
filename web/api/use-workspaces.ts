import { useApi, useMe } from './services.tsx';

const LIMIT = 200;
const FRESH_MS = 60_000;

/** The names of the workspaces that the person sees, by id; the first 200 of them. */
export const useWorkspaces = (): ReadonlyMap<string, string> => {
  const { workspace } = useMe();
  const { data } = useApi().useQuery(
    'get',
    '/v1/workspaces',
    { params: { query: { limit: LIMIT } } },
    { enabled: workspace === null, staleTime: FRESH_MS },
  );
  const known = workspace === null ? (data?.data ?? []) : [workspace];
  return new Map(known.map(({ id, name }) => [id, name]));
};
