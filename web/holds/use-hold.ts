import { useState } from 'react';
import { useApi } from '../api/services.tsx';

/** A user of a workspace. */
export interface NamedUser {
  workspace: string;
  userId: string;
}

/** A hold that was set or cleared. */
export interface ChangedHold extends NamedUser {
  isHeld: boolean;
}

/** Changes the hold of a user, and keeps what came of it until it is forgotten. */
export const useHold = () => {
  const patch = useApi().useMutation('patch', '/v1/users/{userId}');
  const [done, setDone] = useState<ChangedHold>();
  return {
    isPending: patch.isPending,
    error: patch.error ?? undefined,
    done,
    /** Whether the change was written. */
    change: async (hold: ChangedHold): Promise<boolean> => {
      const { userId, workspace, isHeld } = hold;
      setDone(undefined);
      try {
        await patch.mutateAsync({
          params: { path: { userId }, query: { workspace } },
          body: { legalHold: isHeld },
        });
      } catch {
        return false;
      }
      setDone(hold);
      return true;
    },
    forget: (): void => {
      patch.reset();
      setDone(undefined);
    },
  };
};
