import { CircleAlert } from 'lucide-react';
import { useMe } from '../api/services.tsx';
import { TextLink } from '../page/links.tsx';
import { type Attention, needsOf } from './overview.ts';
import styles from './overview.module.css';

/** What waits for a person. */
export const Needs = ({ attention }: { attention: Attention }) => {
  const { key } = useMe();
  const needs = needsOf(attention, key.role);
  if (needs.length === 0) return <p className={styles.soft}>Nothing needs you now.</p>;
  return (
    <ul className={styles.needs}>
      {needs.map(({ words, more, jobs }) => (
        <li key={words}>
          <CircleAlert aria-hidden size={20} className={styles.icon} />
          <div>
            <p className={styles.need}>
              {jobs === undefined ? (
                words
              ) : (
                <TextLink to="/jobs" search={{ state: jobs }}>
                  {words}
                </TextLink>
              )}
            </p>
            <p className={styles.soft}>{more}</p>
          </div>
        </li>
      ))}
    </ul>
  );
};
