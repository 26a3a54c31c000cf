import { useApi } from '../api/services.tsx';
import { type DeleteAllState, deleteAllStateOf } from './delete-all-state.ts';

const EVERY_MS = 30_000;

/** Whether all users can be deleted, kept current: an approval may come at any time. */
export const useDeleteAllState = (): {
  state: DeleteAllState;
  error: unknown;
  reload: () => void;
} => {
  const query = useApi().useQuery('get', '/v1/me', {}, { refetchInterval: EVERY_MS });
  const { data, error, fetchStatus, refetch } = query;
  return {
    state: deleteAllStateOf(data, error !== null || fetchStatus === 'paused'),
    error,
    reload: () => void refetch(),
  };
};
