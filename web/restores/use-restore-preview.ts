import { useEffect } from 'react';
import { useApi } from '../api/services.tsx';
import type { RestoreCounts } from './restore-words.ts';
import { type UsedCall, useRetriedCall } from '../api/use-retried-call.ts';

/** Counts what a restore from some backups would do, once, as its dialog opens. */
export const useRestorePreview = (
  backupIds: readonly string[],
): UsedCall<readonly string[], RestoreCounts> => {
  const { mutateAsync } = useApi().useMutation('post', '/v1/backups/{id}/restore-previews');
  const preview = useRetriedCall(async (ids: readonly string[]): Promise<RestoreCounts> => {
    const counts = await Promise.all(
      ids.map((id) => mutateAsync({ body: {}, params: { path: { id } } })),
    );
    return {
      restorable: counts.reduce((sum, { restorable }) => sum + restorable, 0),
      present: counts.reduce((sum, { present }) => sum + present, 0),
      backupIds: ids.filter((_id, index) => (counts[index]?.restorable ?? 0) > 0),
    };
  });
  const { state, call } = preview;
  const isNew = state.status === 'idle';
  useEffect(() => {
    if (isNew) call(backupIds);
  }, [isNew, call, backupIds]);
  return preview;
};
