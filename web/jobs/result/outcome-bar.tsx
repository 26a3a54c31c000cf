import { Progress } from '@mantine/core';
import { formatCount } from '../../format/numbers.ts';
import { OUTCOME_WORDS } from '../words/outcome-words.ts';
import { type OutcomeSum, sumWordsOf } from './sums.ts';
import styles from './outcome-bar.module.css';

const COLORS = { done: 'var(--ok)', left: 'var(--edge)', open: 'var(--warn)' } as const;

/** A thin part must still be seen, in percent. */
const THINNEST = 0.75;

/** The outcomes of a job as parts of a bar, with their numbers as words below it. */
export const OutcomeBar = ({
  sums,
  total,
  unit,
}: {
  sums: readonly OutcomeSum[];
  total: number;
  unit: string;
}) => (
  <div className={styles.outcomes}>
    <Progress.Root size={16} radius="sm" role="img" aria-label={sumWordsOf(sums, total, unit)}>
      {sums.map(({ outcome, count }) => (
        <Progress.Section
          key={outcome}
          value={Math.max(THINNEST, (count / total) * 100)}
          color={COLORS[OUTCOME_WORDS[outcome].tone]}
          withAria={false}
          className={styles.part}
        />
      ))}
    </Progress.Root>
    <ul className={styles.legend}>
      {sums.map(({ outcome, count }) => (
        <li key={outcome} data-tone={OUTCOME_WORDS[outcome].tone}>
          {formatCount(count)} {OUTCOME_WORDS[outcome].name}
        </li>
      ))}
    </ul>
  </div>
);
