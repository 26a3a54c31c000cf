import { Button, SegmentedControl, useMantineColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { useMe, useSessionState } from '../api/services.tsx';
import { ROLE_NAMES } from '../format/roles.ts';
import { Timestamp } from '../format/timestamp.tsx';
import { Page } from '../page/page.tsx';
import { SingleKeysSwitch } from '../shortcuts/shortcut-help.tsx';
import { useShortcuts } from '../shortcuts/shortcuts.tsx';
import { SCHEMES } from '../shell/theme-switch.tsx';
import { useSignOut } from '../shell/sign-out.tsx';
import styles from './settings.module.css';

export const SettingsPage = () => (
  <Page title="Settings">
    <div className={styles.sections}>
      <Person />
      <Appearance />
      <Keyboard />
    </div>
  </Page>
);

const Section = ({ title, children }: { title: string; children: ReactNode }) => (
  <section className={styles.section}>
    <h2>{title}</h2>
    {children}
  </section>
);

const Person = () => {
  const { key, workspace } = useMe();
  const state = useSessionState();
  const signOut = useSignOut();
  return (
    <Section title="You">
      <dl className={styles.facts}>
        <Fact name="Name">{key.ownerName}</Fact>
        <Fact name="Email">{key.ownerEmail}</Fact>
        <Fact name="Role">{ROLE_NAMES[key.role]}</Fact>
        <Fact name="Workspace">{workspace?.name ?? 'All workspaces'}</Fact>
        <Fact name="Key">
          <code>{key.id}</code>
        </Fact>
        <Fact name="Key expires">
          {key.expiresAt === null ? 'Never' : <Timestamp at={key.expiresAt} />}
        </Fact>
        {'info' in state && (
          <Fact name="Session ends">
            <Timestamp at={state.info.expiresAt} />
          </Fact>
        )}
      </dl>
      <div>
        <Button variant="default" onClick={signOut}>
          Sign out
        </Button>
      </div>
    </Section>
  );
};

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Appearance = () => {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Section title="Theme">
      <SegmentedControl
        aria-label="Theme"
        className={styles.choice}
        value={colorScheme}
        onChange={setColorScheme}
        data={SCHEMES.map(({ value, label }) => ({ value, label }))}
      />
    </Section>
  );
};

const Keyboard = () => {
  const { setHelpOpen } = useShortcuts();
  return (
    <Section title="Keyboard">
      <SingleKeysSwitch />
      <div>
        <Button variant="default" onClick={() => setHelpOpen(true)}>
          Show all shortcuts
        </Button>
      </div>
    </Section>
  );
};
