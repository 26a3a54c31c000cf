import { countOf } from '../../format/numbers.ts';
import { Fact } from '../../page/facts.tsx';
import type { Job } from '../job.ts';
import { partsOfSelection } from './selection-words.ts';
import styles from './files.module.css';

/** Which users a job is about. The API shows filters and searches to admins only. */
export const SelectionFact = ({ job }: { job: Job }) => {
  const { selection } = job;
  const { words, filter } = partsOfSelection(selection);
  const left = selection['excludedCount'];
  return (
    <Fact name="Selection">
      {words}
      {typeof left === 'number' && left > 0 && `, ${countOf(left, 'user')} left out`}
      {filter !== undefined && (
        <details>
          <summary>Filter</summary>
          <pre className={styles.filter}>{JSON.stringify(filter, null, 2)}</pre>
        </details>
      )}
    </Fact>
  );
};
