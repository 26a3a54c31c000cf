import { Button, Menu } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { Keyboard, LogOut, User } from 'lucide-react';
import { useMe } from '../api/services.tsx';
import { ROLE_NAMES } from '../format/roles.ts';
import { useShortcuts } from '../shortcuts/shortcuts.tsx';
import { useSignOut } from './sign-out.tsx';
import styles from './me-menu.module.css';

export const MeMenu = () => {
  const { key } = useMe();
  const navigate = useNavigate();
  const { setHelpOpen } = useShortcuts();
  const signOut = useSignOut();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          className={styles.target}
          aria-label={`${key.ownerName}, menu`}
          leftSection={<User aria-hidden size={18} />}
        >
          <span className={styles.name}>{key.ownerName}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {key.ownerEmail}
          <br />
          {ROLE_NAMES[key.role]}
        </Menu.Label>
        <Menu.Item
          leftSection={<User aria-hidden size={16} />}
          onClick={() => void navigate({ to: '/settings' })}
        >
          Settings
        </Menu.Item>
        <Menu.Item
          leftSection={<Keyboard aria-hidden size={16} />}
          onClick={() => setHelpOpen(true)}
        >
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<LogOut aria-hidden size={16} />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
};
