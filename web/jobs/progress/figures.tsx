import { formatRest } from '../../format/durations.ts';
import { formatCount } from '../../format/numbers.ts';
import { Bar } from '../../page/bar.tsx';
import type { Job } from '../job.ts';
import { PHASE_WORDS } from '../words/phase-words.ts';
import { isCounted, shareOf } from './steps.ts';
import styles from './figures.module.css';

/** The present step in numbers: users done, of how many, how fast, and the time that is left. */
export const Figures = ({ job }: { job: Job }) => {
  const { phase, progress } = job;
  const share = shareOf(job);
  if (phase === null) return null;
  const { doing } = PHASE_WORDS[phase];
  const { processed, total, ratePerSecond, etaSeconds } = progress;
  const unit = job.type === 'import' ? 'lines' : 'users';
  return (
    <div className={styles.figures}>
      <Bar share={share} label={doing} />
      {isCounted(phase) ? (
        <dl className={styles.list}>
          <Figure name={unit}>
            {formatCount(processed)}
            {total !== null && <small> of {formatCount(total)}</small>}
          </Figure>
          <Figure name="a second">
            {ratePerSecond === null ? '–' : formatCount(Math.round(ratePerSecond))}
          </Figure>
          <Figure name="left in this step">
            {etaSeconds === null ? '–' : formatRest(etaSeconds, 'up')}
          </Figure>
        </dl>
      ) : (
        <p>{doing}. No users are counted in this step.</p>
      )}
    </div>
  );
};

const Figure = ({ name, children }: { name: string; children: React.ReactNode }) => (
  <div className={styles.figure}>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
