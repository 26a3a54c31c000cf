import { useMe } from '../api/services.tsx';
import { Page } from '../page/page.tsx';
import { HoldForm } from './hold-form.tsx';
import styles from './holds.module.css';

/** Legal holds of single users, for the platform team: it reads no other value of a user. */
export const HoldsPage = () => {
  const { role } = useMe().key;
  return (
    <Page title="Legal holds">
      {role === 'platform' ? (
        <div className={styles.page}>
          <HoldForm />
        </div>
      ) : (
        <p>The platform team works here. An admin sets a legal hold on the page of the user.</p>
      )}
    </Page>
  );
};
