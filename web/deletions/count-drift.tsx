import { Button } from '@mantine/core';
import type { MouseEvent } from 'react';
import { Notice } from '../page/notice.tsx';
import type { Change } from './counts.ts';

/** Says what has changed since the person saw the users, and asks them to look again. */
export const CountDrift = ({
  change,
  onLook,
}: {
  change: Change | undefined;
  onLook: () => void;
}) => {
  if (change === undefined) return null;
  const look = (event: MouseEvent<HTMLButtonElement>): void => {
    // This button goes away, so the focus moves on to what is left to do.
    event.currentTarget.form?.querySelector<HTMLElement>('[name=typed], [name=reason]')?.focus();
    onLook();
  };
  return (
    <Notice tone="warn" role="alert">
      <p>
        <strong>{change.title}</strong> {change.words} Look again, then confirm.
      </p>
      <div>
        <Button name="drift" variant="default" size="xs" onClick={look}>
          I have looked again
        </Button>
      </div>
    </Notice>
  );
};
