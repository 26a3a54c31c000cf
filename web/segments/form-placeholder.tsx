import { ProblemNotice } from '../page/problem-notice.tsx';
import styles from './segments.module.css';

/** Stands for the form while it loads, or says why it cannot. */
export const FormPlaceholder = ({ error, onRetry }: { error: unknown; onRetry?: () => void }) =>
  error === null || error === undefined ? (
    <div className={styles.placeholders} role="status" aria-label="Loading">
      <div className={styles.placeholder}>
        <span />
        <span />
      </div>
    </div>
  ) : (
    <ProblemNotice error={error} onRetry={onRetry ?? reload} />
  );

const reload = (): void => location.reload();
