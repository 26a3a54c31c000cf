import type { ReactNode } from 'react';
import styles from './form-fields.module.css';

/**
 * The fields of a form or dialog. All are disabled while its request has no answer: what is typed
 * then would be lost.
 */
export const FormFields = ({
  isDisabled,
  children,
}: {
  isDisabled: boolean;
  children: ReactNode;
}) => (
  <fieldset className={styles.fields} disabled={isDisabled}>
    {children}
  </fieldset>
);
