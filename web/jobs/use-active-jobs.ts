import { useApi } from '../api/services.tsx';
import { STATE_GROUPS } from './list/jobs-search.ts';

const ACTIVE_MS = 3_000;
const IDLE_MS = 30_000;
/** More jobs than a workspace runs at once. */
const MOST_JOBS = 50;

/** The newest jobs that have not ended. All parts of a page share the requests. */
export const useActiveJobs = () =>
  useApi().useQuery(
    'get',
    '/v1/jobs',
    { params: { query: { state: [...STATE_GROUPS.active.states], limit: MOST_JOBS } } },
    // Stops by itself while the tab is hidden.
    { refetchInterval: ({ state }) => (state.data?.data.length ? ACTIVE_MS : IDLE_MS) },
  );
