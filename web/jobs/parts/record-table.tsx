import { isOutcome, OUTCOME_WORDS } from '../words/outcome-words.ts';
import { reasonWordsOf } from '../words/reason-words.ts';
import type { RecordRow } from './use-records.ts';
import styles from './records.module.css';

export const RecordTable = ({
  rows,
  isOfLines,
  isOld,
}: {
  rows: readonly RecordRow[];
  isOfLines: boolean;
  /** The next page is on its way. */
  isOld: boolean;
}) => {
  if (rows.length === 0) return <p>No records.</p>;
  return (
    <table className={styles.table} aria-busy={isOld}>
      <thead>
        <tr>
          <th scope="col">{isOfLines ? 'Line' : 'User'}</th>
          <th scope="col">{isOfLines ? 'Code' : 'Outcome'}</th>
          <th scope="col">{isOfLines ? 'Problem' : 'Reason'}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, outcome, reason }) => (
          <tr key={name}>
            <td>{name}</td>
            <td>{isOutcome(outcome) ? OUTCOME_WORDS[outcome].name : outcome}</td>
            <td>{reason === null ? '' : isOfLines ? reason : reasonWordsOf(reason)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};
