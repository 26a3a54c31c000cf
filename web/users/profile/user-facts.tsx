import { Button } from '@mantine/core';
import { useState } from 'react';
import { countOf } from '../../format/numbers.ts';
import { isUnknown, valueOf } from '../values.ts';
import { UserValue } from '../table/user-value.tsx';
import { CUSTOM_GROUP, type FieldGroup, type User } from './user-fields.ts';
import styles from './profile.module.css';

/** All properties of a user, by subject. */
export const UserFacts = ({ user, groups }: { user: User; groups: readonly FieldGroup[] }) => (
  <div className={styles.groups}>
    {groups.map((group) => (
      <Facts key={group.title} user={user} group={group} />
    ))}
  </div>
);

/** A workspace may have hundreds of properties, of which a user has a few. */
const Facts = ({ user, group: { title, fields } }: { user: User; group: FieldGroup }) => {
  const [isAll, setAll] = useState(title !== CUSTOM_GROUP);
  const known = fields.filter(({ field }) => !isUnknown(valueOf(user, field)));
  const hidden = isAll ? 0 : fields.length - known.length;
  return (
    <section className={styles.card}>
      <h2>{title}</h2>
      <dl className={styles.facts}>
        {(isAll ? fields : known).map((field) => (
          <div key={field.field}>
            <dt>{field.name}</dt>
            <dd>
              <UserValue user={user} column={field} />
            </dd>
          </div>
        ))}
      </dl>
      {hidden > 0 && (
        <Button
          variant="subtle"
          size="compact-sm"
          className={styles.more}
          onClick={() => setAll(true)}
        >
          Show {countOf(hidden, 'unknown value')}
        </Button>
      )}
    </section>
  );
};
