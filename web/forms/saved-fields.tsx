import type { ReactNode } from 'react';
import styles from './saved-fields.module.css';

/** The fields of a form. All are disabled while it is saved: what is typed then would be lost. */
export const SavedFields = ({ isSaving, children }: { isSaving: boolean; children: ReactNode }) => (
  <fieldset className={styles.fields} disabled={isSaving}>
    {children}
  </fieldset>
);
