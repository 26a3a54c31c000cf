import { Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useWorkspaces } from '../api/use-workspaces.ts';
import { Card } from '../page/card.tsx';
import { Notice } from '../page/notice.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { ClearDialog } from './clear-dialog.tsx';
import { type ChangedHold, type NamedUser, useHold } from './use-hold.ts';
import styles from './holds.module.css';

type Names = ReadonlyMap<string, string>;

/** Sets or clears the legal hold of one user, who is named by workspace and id. */
export const HoldForm = () => {
  const workspaces = useWorkspaces();
  const [typed, setTyped] = useState<Partial<NamedUser>>({});
  const [isClearing, setClearing] = useState(false);
  const hold = useHold();
  const { workspace = [...workspaces.keys()][0] ?? '', userId = '' } = typed;
  const user = { workspace, userId };
  const isComplete = workspace !== '' && userId !== '';
  const set = (event: FormEvent): void => {
    event.preventDefault();
    if (isComplete) void hold.change({ ...user, isHeld: true });
  };
  const askToClear = (isAsked: boolean): void => {
    hold.forget();
    setClearing(isAsked);
  };
  const clear = async (): Promise<void> => {
    if (await hold.change({ ...user, isHeld: false })) setClearing(false);
  };
  const edit = (part: Partial<NamedUser>): void => {
    // The last result is about another user then.
    hold.forget();
    setTyped({ ...typed, ...part });
  };
  return (
    <Card>
      <form className={styles.form} onSubmit={set}>
        <p>No deletion deletes a user under legal hold. It reports the user as held.</p>
        <HoldFields workspaces={workspaces} user={user} onEdit={edit} />
        {!isClearing && <Result hold={hold} workspaces={workspaces} />}
        <Group justify="flex-end" gap="xs">
          <Button
            variant="default"
            disabled={!isComplete || hold.isPending}
            onClick={() => askToClear(true)}
          >
            Clear legal hold…
          </Button>
          <Button type="submit" disabled={!isComplete} loading={hold.isPending && !isClearing}>
            Set legal hold
          </Button>
        </Group>
      </form>
      {isClearing && (
        <ClearDialog
          user={user}
          workspaceName={workspaces.get(workspace) ?? workspace}
          isPending={hold.isPending}
          error={hold.error}
          onClear={() => void clear()}
          onClose={() => askToClear(false)}
        />
      )}
    </Card>
  );
};

const HoldFields = ({
  workspaces,
  user: { workspace, userId },
  onEdit,
}: {
  workspaces: Names;
  user: NamedUser;
  onEdit: (part: Partial<NamedUser>) => void;
}) => (
  <>
    <NativeSelect
      label="Workspace"
      value={workspace}
      onChange={(event) => onEdit({ workspace: event.currentTarget.value })}
      data={[...workspaces].map(([value, label]) => ({ value, label }))}
    />
    <TextInput
      label="User id"
      description="Exactly as it is stored, with capital and small letters"
      spellCheck={false}
      autoComplete="off"
      value={userId}
      onChange={(event) => onEdit({ userId: event.currentTarget.value })}
    />
  </>
);

const Result = ({
  hold: { error, done },
  workspaces,
}: {
  hold: ReturnType<typeof useHold>;
  workspaces: Names;
}) => {
  if (error !== undefined) return <ProblemNotice error={error} takesFocus />;
  return done === undefined ? null : <Done hold={done} workspaces={workspaces} />;
};

const Done = ({
  hold: { userId, workspace, isHeld },
  workspaces,
}: {
  hold: ChangedHold;
  workspaces: Names;
}) => (
  <Notice tone="ok" role="status">
    <p className={styles.words}>
      User <code>{userId}</code> in {workspaces.get(workspace) ?? workspace}{' '}
      {isHeld ? 'is under legal hold.' : 'is under no legal hold. A deletion can delete this user.'}
    </p>
  </Notice>
);
