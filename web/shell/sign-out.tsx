import { createContext, type ReactNode, useCallback, useContext, useState } from 'react';
import { useSession } from '../api/services.tsx';
import { Dialog } from '../page/dialog.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';

const SignOutContext = createContext<() => void>(() => {});

/** Ends the session. What this tab knows about users is removed with it. */
export const useSignOut = (): (() => void) => useContext(SignOutContext);

export const SignOutProvider = ({ children }: { children: ReactNode }) => {
  const session = useSession();
  const [error, setError] = useState<unknown>();
  const signOut = useCallback(() => {
    setError(undefined);
    session.signOut().then(leave, setError);
  }, [session]);
  return (
    <SignOutContext value={signOut}>
      {children}
      <Dialog
        isOpen={error !== undefined}
        onClose={() => setError(undefined)}
        title="You are still signed in"
        width={480}
      >
        <ProblemNotice error={error} onRetry={signOut} />
      </Dialog>
    </SignOutContext>
  );
};

/** By loading a new page: nothing stays in the memory of this one. */
const leave = (): void => {
  sessionStorage.clear();
  location.assign('/sign-in');
};
