import { useApi } from '../../api/services.tsx';
import type { Job } from '../job.ts';

type Row = { outcome: string; reason: string | null; count: number };

/** The users of an ended job by outcome and reason; empty while unknown, and once erased. */
export const useRecordSummary = ({ id, type, erasedAt }: Job): readonly Row[] => {
  const api = useApi();
  const init = { params: { path: { id } } };
  const of = (one: Job['type']) => ({ enabled: type === one && erasedAt === null });
  const deletion = api.useQuery('get', '/v1/deletions/{id}/records/summary', init, of('deletion'));
  const restore = api.useQuery('get', '/v1/restores/{id}/records/summary', init, of('restore'));
  return (type === 'deletion' ? deletion : restore).data?.data ?? [];
};
