import { CloseButton, Modal } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import type { ReactNode } from 'react';
import styles from './dialog.module.css';

/**
 * A dialog over the page. It keeps the focus, and returns it. In a narrow window it is full screen.
 *
 * @param onClose absent for a dialog that only its own buttons close
 */
export const Dialog = ({
  isOpen,
  onClose,
  title,
  width = 560,
  children,
}: {
  isOpen: boolean;
  onClose?: () => void;
  title: string;
  width?: number;
  children: ReactNode;
}) => {
  const isNarrow = useMediaQuery('(max-width: 639px)') ?? false;
  const mayClose = onClose !== undefined;
  return (
    <Modal.Root
      opened={isOpen}
      onClose={onClose ?? (() => {})}
      size={width}
      fullScreen={isNarrow}
      radius={isNarrow ? 0 : 'md'}
      closeOnEscape={mayClose}
      closeOnClickOutside={mayClose}
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
