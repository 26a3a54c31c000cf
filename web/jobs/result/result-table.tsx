import { countOf, formatCount } from '../../format/numbers.ts';
import { OUTCOME_WORDS } from '../words/outcome-words.ts';
import { reasonWordsOf } from '../words/reason-words.ts';
import type { ResultRow } from './sums.ts';
import styles from './result-table.module.css';

/** The users of a job by outcome and reason. The rows add up to the last one. */
export const ResultTable = ({
  rows,
  total,
  unit,
}: {
  rows: readonly ResultRow[];
  total: number;
  unit: string;
}) => (
  <table className={styles.table}>
    <thead>
      <tr>
        <th scope="col">Outcome</th>
        <th scope="col">Reason</th>
        <th scope="col" className={styles.number}>
          {unit === 'line' ? 'Lines' : 'Users'}
        </th>
      </tr>
    </thead>
    <tbody>
      {rows.map(({ outcome, reason, count }) => (
        <tr key={`${outcome} ${reason}`}>
          <td data-tone={OUTCOME_WORDS[outcome].tone}>{OUTCOME_WORDS[outcome].name}</td>
          <td>{reason === null ? OUTCOME_WORDS[outcome].means : reasonWordsOf(reason)}</td>
          <td className={styles.number}>{formatCount(count)}</td>
        </tr>
      ))}
    </tbody>
    <tfoot>
      <tr>
        <th scope="row" colSpan={2}>
          Selected
        </th>
        <td className={styles.number}>{countOf(total, unit)}</td>
      </tr>
    </tfoot>
  </table>
);
