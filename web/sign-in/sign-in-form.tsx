import { Button, Group, PasswordInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { useSession } from '../api/services.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { wordsOf } from './sign-in-words.ts';
import styles from './sign-in.module.css';

/** The field for a key. The key is sent once, and kept nowhere. */
export const SignInForm = ({
  lead,
  secondary,
  takesFocus = false,
  onSignedIn,
}: {
  lead?: string;
  secondary?: ReactNode;
  /** The field has the focus at first. A dialog focuses it by itself. */
  takesFocus?: boolean;
  onSignedIn?: () => void;
}) => {
  const session = useSession();
  const [key, setKey] = useState('');
  const [isSending, setSending] = useState(false);
  const [error, setError] = useState<unknown>();
  const field = useRef<HTMLInputElement>(null);
  // Before the effect of the page, which moves the focus to the heading after a change of page.
  useEffect(() => {
    if (takesFocus) field.current?.focus();
  }, [takesFocus]);

  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setSending(true);
    setError(undefined);
    try {
      await session.signIn(key.trim());
      setKey('');
      onSignedIn?.();
    } catch (problem) {
      setError(problem);
    } finally {
      setSending(false);
    }
  };

  return (
    <form className={styles.form} onSubmit={(event) => void send(event)}>
      {lead !== undefined && <p>{lead}</p>}
      <PasswordInput
        ref={field}
        label="Key"
        description="It begins with ks_"
        name="key"
        autoComplete="current-password"
        spellCheck={false}
        required
        withAsterisk={false}
        data-autofocus
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
        visibilityToggleButtonProps={{ 'aria-label': 'Show the key' }}
      />
      {error !== undefined && <ProblemNotice error={error} words={wordsOf(error)} takesFocus />}
      <Group justify="flex-end" gap="xs">
        {secondary}
        <Button type="submit" loading={isSending}>
          Sign in
        </Button>
      </Group>
    </form>
  );
};
