import { Button } from '@mantine/core';
import { useState } from 'react';
import type { Preview } from './use-preview.ts';
import styles from './sample.module.css';

const FEW = 5;

/** The first of the users that a deletion deletes. */
export const Sample = ({ users }: { users: Preview['sample'] }) => {
  const [isLong, setLong] = useState(false);
  const shown = isLong ? users : users.slice(0, FEW);
  return (
    <div className={styles.sample}>
      <div className={styles.frame}>
        <table className={styles.table} aria-label="Sample of these users">
          <thead>
            <tr>
              <th scope="col">Id</th>
              <th scope="col">Email</th>
              <th scope="col">Name</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ userId, email, firstName, lastName }) => (
              <tr key={userId}>
                <td>{userId}</td>
                <td>{email}</td>
                <td>{[firstName, lastName].filter(Boolean).join(' ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {users.length > FEW && (
        <Button variant="subtle" size="compact-sm" onClick={() => setLong(!isLong)}>
          {isLong ? `Show ${FEW}` : `Show ${users.length}`}
        </Button>
      )}
    </div>
  );
};
