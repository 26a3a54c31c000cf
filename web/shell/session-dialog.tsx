import { Button } from '@mantine/core';
import { useSessionState } from '../api/services.tsx';
import { Dialog } from '../page/dialog.tsx';
import { SignInForm } from '../sign-in/sign-in-form.tsx';
import { useSignOut } from './sign-out.tsx';

/** Lies over the page when the session has ended. After it, the page goes on where it was. */
export const SessionDialog = () => {
  const { status } = useSessionState();
  const signOut = useSignOut();
  return (
    <Dialog isTopmost isOpen={status === 'ended'} title="Your session has ended" width={440}>
      <SignInForm
        lead="Sign in to go on. Nothing is lost."
        secondary={
          <Button variant="default" onClick={signOut}>
            Leave
          </Button>
        }
      />
    </Dialog>
  );
};
