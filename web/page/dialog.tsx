import { CloseButton, Modal } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { type ReactNode, useEffect } from 'react';
import styles from './dialog.module.css';

/** Above the dialogs of the kit. */
const TOPMOST = 300;

/**
 * A dialog over the page. It keeps the focus, and returns it. In a narrow window it is full screen.
 *
 * @param onClose absent for a dialog that only its own buttons close
 * @param isTopmost it lies over other dialogs, whichever was opened first
 */
export const Dialog = ({
  isOpen,
  onClose,
  title,
  width = 560,
  isTopmost = false,
  children,
}: {
  isOpen: boolean;
  onClose?: () => void;
  title: string;
  width?: number;
  isTopmost?: boolean;
  children: ReactNode;
}) => {
  const isNarrow = useMediaQuery('(max-width: 639px)') ?? false;
  const mayClose = onClose !== undefined;
  useReturnFocus(isOpen);
  return (
    <Modal.Root
      opened={isOpen}
      onClose={onClose ?? (() => {})}
      size={width}
      {...(isTopmost && { zIndex: TOPMOST })}
      fullScreen={isNarrow}
      radius={isNarrow ? 0 : 'md'}
      closeOnEscape={mayClose}
      // Such a click may be the second of a double click, and it would lose what was typed.
      closeOnClickOutside={false}
    >
      <Modal.Overlay />
      <Modal.Content>
        {/* Not the header of the kit: it would be a second banner of the page. */}
        <div className={styles.head}>
          <Modal.Title>{title}</Modal.Title>
          {mayClose && <CloseButton size={36} aria-label="Close" onClick={onClose} />}
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
};

/** Also for a dialog that is removed while it is open: the kit returns the focus of others only. */
const useReturnFocus = (isOpen: boolean): void => {
  useEffect(() => {
    if (!isOpen) return undefined;
    const opener = document.activeElement;
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, [isOpen]);
};
