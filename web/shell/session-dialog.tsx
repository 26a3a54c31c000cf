import { Button, Modal } from '@mantine/core';
import { useSessionState } from '../api/services.tsx';
import { SignInForm } from '../sign-in/sign-in-form.tsx';
import { useSignOut } from './use-sign-out.ts';

/** Lies over the page when the session has ended. After it, the page goes on where it was. */
export const SessionDialog = () => {
  const { status } = useSessionState();
  const signOut = useSignOut();
  return (
    <Modal
      opened={status === 'ended'}
      onClose={() => {}}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title="Your session has ended"
      zIndex={300}
    >
      <SignInForm
        lead="Sign in to go on. Nothing is lost."
        secondary={
          <Button variant="default" onClick={() => void signOut()}>
            Leave
          </Button>
        }
      />
    </Modal>
  );
};
