import { useState } from 'react';
import { type Problem, problemOf } from '../../api/problem.ts';
import { usePending } from '../../forms/use-pending.ts';
import { nameOfProperty } from '../../format/property-names.ts';
import {
  conflictsOf,
  fieldAt,
  readDraft,
  textOf,
  type UserDraft,
  withText,
} from './user-changes.ts';
import type { User, UserField } from './user-fields.ts';
import { useUserChange } from './use-user-change.ts';
import type { UserAccess } from './use-user.ts';

/** The form of a user. Only edited properties are sent, so others keep what somebody else saved. */
export const useUserForm = (
  user: User,
  fields: readonly UserField[],
  reload: UserAccess['reload'],
  onSaved: () => void,
) => {
  const { change, isSaving: isSending, error, reset } = useUserChange(user.userId);
  const [opened, setOpened] = useState(user);
  const [draft, setDraft] = useState<UserDraft>({});
  const [isTried, setTried] = useState(false);
  const [isReading, wait] = usePending();
  const [conflicts, setConflicts] = useState<readonly UserField[]>([]);
  const isSaving = isReading || isSending;
  const read = readDraft(draft, fields);
  const own = 'problems' in read ? read.problems : {};
  const sent = error === undefined ? {} : problemsByField(error, fields);
  const problems = isTried && 'problems' in read ? own : sent;

  const send = async (): Promise<void> => {
    if (!('body' in read)) return;
    const now = await wait(reload());
    if (now === undefined) return;
    const found = conflictsOf(draft, { opened, now }, fields);
    setConflicts(found);
    if (found.length > 0) return;
    if (await change(read.body)) onSaved();
  };

  return {
    textOf: (field: UserField): string => draft[field.field] ?? textOf(opened, field),
    edit: (field: UserField, text: string): void => {
      reset();
      setDraft(withText(draft, opened, field, text));
    },
    errorOf: ({ field }: UserField): string | undefined => {
      const detail = problems[field];
      return detail && `${nameOfProperty(field)} ${detail}.`;
    },
    changed: Object.keys(draft).length,
    isSaving,
    isIncomplete: isTried && 'problems' in read,
    error: error !== undefined && Object.keys(sent).length === 0 ? error : undefined,
    conflicts,
    save: (): void => {
      setTried(true);
      void send();
    },
    keepMine: (): void => {
      setOpened(user);
      setConflicts([]);
    },
    takeTheirs: (): void => {
      const theirs = new Set(conflicts.map(({ field }) => field));
      const mine = Object.entries(draft).filter(([field]) => !theirs.has(field));
      setOpened(user);
      setDraft(Object.fromEntries(mine));
      setConflicts([]);
    },
  };
};

export type UsedUserForm = ReturnType<typeof useUserForm>;

const problemsByField = (error: Problem, fields: readonly UserField[]): Record<string, string> => {
  const names = new Set(fields.map(({ field }) => field));
  return Object.fromEntries(
    problemOf(error)
      .errors.map(({ pointer, detail }) => [fieldAt(pointer), detail] as const)
      .filter(([field]) => names.has(field)),
  );
};
