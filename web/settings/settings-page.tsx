import { Button, SegmentedControl, useMantineColorScheme } from '@mantine/core';
import { useMe, useSessionState } from '../api/services.tsx';
import { ROLE_NAMES } from '../format/roles.ts';
import { Timestamp } from '../format/timestamp.tsx';
import { Card } from '../page/card.tsx';
import { Fact, Facts } from '../page/facts.tsx';
import { Page } from '../page/page.tsx';
import { SingleKeysSwitch } from '../shortcuts/shortcut-help.tsx';
import { useShortcuts } from '../shortcuts/shortcuts.tsx';
import { SCHEMES } from '../shell/theme-switch.tsx';
import { useSignOut } from '../shell/sign-out.tsx';
import { Properties } from './properties.tsx';
import { Rules } from './rules.tsx';
import styles from './settings.module.css';

export const SettingsPage = () => {
  const { role } = useMe().key;
  return (
    <Page title="Settings">
      <div className={styles.sections}>
        <Person />
        <Appearance />
        <Keyboard />
        {role === 'admin' && <Properties />}
        <Rules />
        <Keys />
      </div>
    </Page>
  );
};

const Person = () => {
  const { key, workspace } = useMe();
  const state = useSessionState();
  const signOut = useSignOut();
  return (
    <Card title="You">
      <Facts>
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
      </Facts>
      <div>
        <Button variant="default" onClick={signOut}>
          Sign out
        </Button>
      </div>
    </Card>
  );
};

const Appearance = () => {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Card title="Theme">
      <SegmentedControl
        aria-label="Theme"
        className={styles.choice}
        value={colorScheme}
        onChange={setColorScheme}
        data={SCHEMES.map(({ value, label }) => ({ value, label }))}
      />
    </Card>
  );
};

const Keyboard = () => {
  const { setHelpOpen } = useShortcuts();
  return (
    <Card title="Keyboard">
      <SingleKeysSwitch />
      <div>
        <Button variant="default" onClick={() => setHelpOpen(true)}>
          Show all shortcuts
        </Button>
      </div>
    </Card>
  );
};

const Keys = () => (
  <Card title="Keys">
    <p>
      An operator of Keepsake makes and revokes keys on the server. A revoked key ends its sessions
      at once.
    </p>
    <pre className={styles.command}>
      npm run keys -- create --role admin --workspace &lt;id&gt; --name &lt;name&gt; --email
      &lt;address&gt;
    </pre>
  </Card>
);
