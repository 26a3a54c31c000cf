import { Button, Menu } from '@mantine/core';
import { ChevronDown, Download, Lock, LockOpen, Trash2 } from 'lucide-react';
import { useDeleteAllState } from './use-delete-all-state.ts';
import type { UserDialog } from './user-search.ts';
import styles from './users-page.module.css';

/** It stays in reach of the keyboard, so that its reason is read. */
const LOCKED = { 'aria-disabled': true, closeMenuOnClick: false, className: styles.locked ?? '' };

const LOCK_ICONS = { unknown: Trash2, locked: Lock, open: LockOpen } as const;

/** What can be done with users in bulk. What is locked says why. */
export const ActionsMenu = ({
  hasSelection,
  onOpen,
}: {
  hasSelection: boolean;
  onOpen: (dialog: UserDialog) => void;
}) => {
  const { state, reload } = useDeleteAllState();
  const LockIcon = LOCK_ICONS[state.status];
  return (
    <Menu position="bottom-end" width={300} onOpen={reload}>
      <Menu.Target>
        <Button rightSection={<ChevronDown aria-hidden size={16} />}>Actions</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<Download aria-hidden size={16} />}
          onClick={() => onOpen('download-all')}
        >
          Download all user data
        </Menu.Item>
        <Menu.Item
          leftSection={<Download aria-hidden size={16} />}
          onClick={() => onOpen('download-segment')}
        >
          Download segment user data
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          leftSection={<Trash2 aria-hidden size={16} />}
          {...(hasSelection ? { onClick: () => onOpen('delete') } : LOCKED)}
        >
          Delete users…
          {!hasSelection && <Reason>Select users first</Reason>}
        </Menu.Item>
        <Menu.Item
          leftSection={<LockIcon aria-hidden size={16} />}
          onClick={() => onOpen('delete-all')}
        >
          Delete all users…
          {state.status === 'locked' && <Reason>Locked: needs an approval</Reason>}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};

const Reason = ({ children }: { children: string }) => (
  <span className={styles.reason}>{children}</span>
);
