import { Button } from '@mantine/core';
import type { UserAddress } from './use-user-address.ts';
import styles from './users-page.module.css';

export const NO_CONDITION = { q: undefined, segment: undefined, filter: undefined };

/** Stands in place of the table if there is no user to list, and names the next step. */
export const NoUsers = ({
  isOfQuery,
  address: { search, change },
}: {
  isOfQuery: boolean;
  address: UserAddress;
}) => {
  if (search.after !== undefined) {
    return (
      <div className={styles.empty}>
        <p>There are no users on this page.</p>
        <Button variant="default" onClick={() => change({})}>
          Go to the first page
        </Button>
      </div>
    );
  }
  if (isOfQuery) {
    return (
      <div className={styles.empty}>
        <p>No user matches.</p>
        <Button variant="default" onClick={() => change(NO_CONDITION)}>
          Clear filter
        </Button>
      </div>
    );
  }
  return (
    <div className={styles.empty}>
      <p>No users yet.</p>
      <p className={styles.soft}>
        Import a file by <code>POST /v1/imports</code>, or add users by <code>POST /v1/users</code>.
      </p>
    </div>
  );
};
