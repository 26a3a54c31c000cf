import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useSession } from '../api/services.tsx';

/** Ends the session. What this tab stored about users goes with it. */
export const useSignOut = (): (() => Promise<void>) => {
  const session = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    await session.signOut();
    sessionStorage.clear();
    await navigate({ to: '/sign-in', search: {} });
    queries.clear();
  };
};
