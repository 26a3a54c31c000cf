import { formatCount } from '../../format/numbers.ts';
import type { Job } from '../job.ts';
import { RULE_WORDS } from '../words/reason-words.ts';
import styles from './result-table.module.css';

/** Why lines of an import failed, with the first line of each kind. */
export const ProblemTable = ({ problems }: { problems: NonNullable<Job['problems']> }) => (
  <table className={styles.table}>
    <caption>Problems in lines</caption>
    <thead>
      <tr>
        <th scope="col">Column</th>
        <th scope="col">Problem</th>
        <th scope="col" className={styles.number}>
          First line
        </th>
        <th scope="col" className={styles.number}>
          Lines
        </th>
      </tr>
    </thead>
    <tbody>
      {problems.map(({ column, rule, count, firstLine }) => (
        <tr key={`${column} ${rule}`}>
          <td>{column ?? 'The line'}</td>
          <td>{RULE_WORDS[rule]}</td>
          <td className={styles.number}>{formatCount(firstLine)}</td>
          <td className={styles.number}>{formatCount(count)}</td>
        </tr>
      ))}
    </tbody>
  </table>
);
