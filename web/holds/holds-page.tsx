import { Page } from '../page/page.tsx';
import { HoldForm } from './hold-form.tsx';
import styles from './holds.module.css';

/** Legal holds of single users, for the platform team: it reads no other value of a user. */
export const HoldsPage = () => (
  <Page title="Legal holds">
    <div className={styles.page}>
      <HoldForm />
    </div>
  </Page>
);
