import { Button, Group } from '@mantine/core';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { useMemo } from 'react';
import { useProperties } from '../../filters/use-properties.ts';
import { useAnnouncer } from '../../page/announcer.tsx';
import { lazyPart } from '../../page/lazy-page.ts';
import { LinkButton } from '../../page/links.tsx';
import { Page } from '../../page/page.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import { HoldDialog } from './hold-dialog.tsx';
import type { ProfileSearch } from './profile-search.ts';
import { UserFacts } from './user-facts.tsx';
import { groupsOf, type User } from './user-fields.ts';
import { UserForm } from './user-form.tsx';
import { useUser } from './use-user.ts';
import styles from './profile.module.css';

const DeleteDialog = lazyPart(() =>
  import('../../deletions/delete-dialog.tsx').then((module) => module.DeleteDialog),
);

/** The page of one user. Its title says neither the id nor the name. */
export const UserPage = () => {
  const { id } = useParams({ from: '/frame/users/$id' });
  const search = useSearch({ from: '/frame/users/$id' });
  const navigate = useNavigate();
  const { say } = useAnnouncer();
  const access = useUser(id);
  const { properties, error } = useProperties();
  const groups = useMemo(() => properties && groupsOf(properties), [properties]);
  const { user, isGone, loadError, retry } = access;
  const go = (next: ProfileSearch, options: { replace?: true; ignoreBlocker?: true } = {}) =>
    void navigate({ to: '/users/$id', params: { id }, search: next, ...options });
  const end = (words: string): void => {
    say(words);
    go({}, { replace: true, ignoreBlocker: true });
  };
  const close = () => go({}, { replace: true });
  if (isGone) return <Gone />;
  if (user === undefined || groups === undefined) {
    const failure = loadError ?? error ?? undefined;
    return (
      <Page title="User">
        {failure === undefined ? (
          <Placeholder />
        ) : (
          <ProblemNotice error={failure} onRetry={retry} />
        )}
      </Page>
    );
  }
  const isEdited = search.do === 'edit';
  return (
    <Page title="User" actions={isEdited ? undefined : <Actions user={user} onOpen={go} />}>
      <p className={styles.id}>
        <code>{user.userId}</code>
        {user.legalHold && <Held />}
      </p>
      {isEdited ? (
        <UserForm
          user={user}
          groups={groups}
          access={access}
          onSaved={() => end('The user is saved.')}
          onCancel={close}
        />
      ) : (
        <UserFacts user={user} groups={groups} />
      )}
      <OpenDialog
        open={search.do}
        user={user}
        onClose={close}
        onHeld={() => end('The user is under legal hold.')}
      />
    </Page>
  );
};

/** The dialog in the address. */
const OpenDialog = ({
  open,
  user: { userId, legalHold: isHeld },
  onClose,
  onHeld,
}: {
  open: ProfileSearch['do'];
  user: User;
  onClose: () => void;
  onHeld: () => void;
}) => {
  if (open === 'hold') {
    return <HoldDialog userId={userId} isHeld={isHeld} onClose={onClose} onHeld={onHeld} />;
  }
  if (open !== 'delete' || isHeld) return null;
  return (
    <DeleteDialog
      scope={{ selection: { type: 'ids', ids: [userId] }, words: 'this user' }}
      onClose={onClose}
    />
  );
};

const Actions = ({ user, onOpen }: { user: User; onOpen: (search: ProfileSearch) => void }) => (
  <Group gap="xs">
    <Button onClick={() => onOpen({ do: 'edit' })}>Edit</Button>
    {!user.legalHold && (
      <>
        <Button variant="default" onClick={() => onOpen({ do: 'hold' })}>
          Set legal hold…
        </Button>
        <Button variant="default" onClick={() => onOpen({ do: 'delete' })}>
          Delete…
        </Button>
      </>
    )}
  </Group>
);

const Held = () => (
  <span className={styles.held}>
    <Lock aria-hidden size={14} />
    Under legal hold: not deleted. Only the platform team can clear it.
  </span>
);

const Gone = () => (
  <Page title="User">
    <div className={styles.gone}>
      <p>
        There is no such user. The user was deleted, or never existed. Deleted users can be restored
        from the backup of their deletion.
      </p>
      <LinkButton to="/users" variant="default">
        Go to the users
      </LinkButton>
    </div>
  </Page>
);

const Placeholder = () => (
  <div className={styles.placeholder} role="status" aria-label="Loading">
    <span />
    <span />
    <span />
  </div>
);
