import { Checkbox, Textarea, TextInput } from '@mantine/core';
import { useMe } from '../api/services.tsx';
import type { DeleteForm } from './use-delete-form.ts';
import { FormFields } from '../forms/form-fields.tsx';
import styles from './delete-dialog.module.css';

/** The longest reason that the API takes. */
const MAX_REASON = 1_000;

/** The reason, the mail, and from 100 users on the typed number. */
export const DeleteFields = ({
  form,
  count,
  isDisabled,
}: {
  form: DeleteForm;
  count: number;
  isDisabled: boolean;
}) => {
  const { key } = useMe();
  const { input, change, typed, setTyped, mustType, errors } = form;
  return (
    <FormFields isDisabled={isDisabled}>
      <Textarea
        label="Reason"
        description="Admins read it in the activity log, also later. Do not name users."
        name="reason"
        required
        rows={2}
        maxLength={MAX_REASON}
        value={input.reason}
        error={errors.reason}
        onChange={(event) => change({ reason: event.currentTarget.value })}
      />
      <Checkbox
        label={`Send a mail to ${key.ownerEmail} at the end`}
        checked={input.notify}
        onChange={(event) => change({ notify: event.currentTarget.checked })}
      />
      {mustType && (
        <TextInput
          label={`Type ${count} to confirm`}
          name="typed"
          inputMode="numeric"
          autoComplete="off"
          required
          className={styles.typed}
          value={typed}
          error={errors.typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
    </FormFields>
  );
};
