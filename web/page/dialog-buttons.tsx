import { Button } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import styles from './dialog-buttons.module.css';

/**
 * The buttons of a dialog: the one that changes nothing comes first and has the focus. They stay in
 * view while the dialog is scrolled.
 */
export const DialogButtons = ({
  cancel = 'Cancel',
  onCancel,
  foot,
  children,
}: {
  cancel?: string;
  /** Undefined while the dialog cannot be closed. */
  onCancel: (() => void) | undefined;
  /** Beside the buttons. */
  foot?: ReactNode;
  children?: ReactNode;
}) => {
  const button = useRef<HTMLButtonElement>(null);
  // The button of the part that these replace had the focus.
  useEffect(() => {
    if (document.activeElement === document.body) button.current?.focus();
  }, []);
  return (
    <div className={styles.buttons}>
      <div className={styles.foot}>{foot}</div>
      <Button
        ref={button}
        variant="default"
        data-autofocus
        disabled={onCancel === undefined}
        {...(onCancel && { onClick: onCancel })}
      >
        {cancel}
      </Button>
      {children}
    </div>
  );
};
