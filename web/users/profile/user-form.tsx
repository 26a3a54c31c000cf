import { Button, Group, TextInput } from '@mantine/core';
import { TriangleAlert } from 'lucide-react';
import { type FormEvent, useMemo, useRef, useState } from 'react';
import { countOf } from '../../format/numbers.ts';
import { LeaveGuard } from '../../forms/leave-guard.tsx';
import { FormFields } from '../../forms/form-fields.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import { type FieldGroup, isEditable, type User, type UserField } from './user-fields.ts';
import { type UsedUserForm, useUserForm } from './use-user-form.ts';
import type { UserAccess } from './use-user.ts';
import { ValueInput } from './value-input.tsx';
import styles from './profile.module.css';

/** So many properties are found by looking. Beyond that, a search helps. */
const FEW = 12;

/** Edits the properties of a user. An empty input means that the value is unknown. */
export const UserForm = ({
  user,
  groups,
  access,
  onSaved,
  onCancel,
}: {
  user: User;
  groups: readonly FieldGroup[];
  access: UserAccess;
  onSaved: () => void;
  onCancel: () => void;
}) => {
  const editable = useMemo(
    () =>
      groups
        .map(({ title, fields }) => ({ title, fields: fields.filter(isEditable) }))
        .filter(({ fields }) => fields.length > 0),
    [groups],
  );
  const fields = useMemo(() => editable.flatMap((group) => group.fields), [editable]);
  const form = useUserForm(user, fields, access.reload, onSaved);
  const frame = useRef<HTMLFormElement>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    form.save();
    requestAnimationFrame(() =>
      frame.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus(),
    );
  };
  return (
    <form ref={frame} className={styles.groups} noValidate onSubmit={submit}>
      <LeaveGuard isUnsaved={form.changed > 0} />
      <FormFields isDisabled={form.isSaving}>
        {editable.map((group) => (
          <Fields key={group.title} group={group} form={form} />
        ))}
      </FormFields>
      {form.conflicts.length > 0 && <Conflict form={form} />}
      {form.error !== undefined && <ProblemNotice error={form.error} takesFocus />}
      {access.loadError !== undefined && <ProblemNotice error={access.loadError} />}
      <div className={styles.buttons}>
        <Button type="submit" loading={form.isSaving} disabled={form.changed === 0}>
          Save
        </Button>
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <span className={styles.soft}>
          {form.changed === 0 ? 'Nothing to save.' : countOf(form.changed, 'change')}
        </span>
        {form.isIncomplete && (
          <span role="alert" className={styles.problem}>
            Correct what is marked.
          </span>
        )}
      </div>
    </form>
  );
};

const Fields = ({ group: { title, fields }, form }: { group: FieldGroup; form: UsedUserForm }) => {
  const [wanted, setWanted] = useState('');
  const text = wanted.trim().toLowerCase();
  // What is wrong is shown in any case.
  const isShown = (field: UserField): boolean =>
    field.name.toLowerCase().includes(text) || form.errorOf(field) !== undefined;
  return (
    <fieldset className={styles.card}>
      <legend>{title}</legend>
      {fields.length > FEW && (
        <TextInput
          type="search"
          aria-label="Find a property"
          placeholder="Find a property"
          className={styles.find}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <div className={styles.inputs}>
        {fields.filter(isShown).map((field) => (
          <ValueInput
            key={field.field}
            field={field}
            text={form.textOf(field)}
            error={form.errorOf(field)}
            onChange={(next) => form.edit(field, next)}
          />
        ))}
      </div>
    </fieldset>
  );
};

const Conflict = ({ form }: { form: UsedUserForm }) => (
  <div role="alert" className={styles.conflict}>
    <TriangleAlert aria-hidden size={20} />
    <div>
      <strong>This user was changed meanwhile</strong>
      <p>
        Something else has changed {form.conflicts.map(({ name }) => name).join(', ')} since you
        opened the form. Nothing of yours is saved yet.
      </p>
      <Group gap="xs">
        <Button variant="default" onClick={form.takeTheirs}>
          Show their values
        </Button>
        <Button variant="default" onClick={form.keepMine}>
          Keep mine, to save over them
        </Button>
      </Group>
    </div>
  </div>
);
