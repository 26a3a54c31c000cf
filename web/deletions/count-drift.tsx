import { Button } from '@mantine/core';
import type { MouseEvent } from 'react';
import { Notice } from '../page/notice.tsx';
import { driftOf, type PreviewCounts, type SeenCounts } from './counts.ts';

/** Says that the count moved since the person saw it, and asks them to look again. */
export const CountDrift = ({
  before,
  after,
  onLook,
}: {
  before: SeenCounts | undefined;
  after: PreviewCounts;
  onLook: () => void;
}) => {
  const drift = driftOf(before, after);
  if (drift === undefined) return null;
  const look = (event: MouseEvent<HTMLButtonElement>): void => {
    // This button goes away, so the focus moves on to what is left to do.
    event.currentTarget.form?.querySelector<HTMLElement>('[name=typed], [name=reason]')?.focus();
    onLook();
  };
  return (
    <Notice tone="warn" role="alert">
      <p>
        <strong>{drift.numbers}</strong> {drift.words} Look again, then confirm.
      </p>
      <div>
        <Button name="drift" variant="default" size="xs" onClick={look}>
          I have looked again
        </Button>
      </div>
    </Notice>
  );
};
