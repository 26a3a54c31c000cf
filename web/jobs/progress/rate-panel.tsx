import { Suspense } from 'react';
import { formatCount } from '../../format/numbers.ts';
import { lazyChart } from '../../page/lazy-page.ts';
import type { Job } from '../job.ts';
import { ratePointsOf, ratesOf, type Sample } from './rates.ts';
import styles from './rate-panel.module.css';

/** Fewer points are no picture. */
const FEWEST_POINTS = 4;
/** A shorter time has no axis. */
const SHORTEST_SECONDS = 5;

const RateChart = lazyChart(() => import('./rate-chart.tsx').then((module) => module.RateChart));

/** Users a second over a job, as a picture and as numbers. */
export const RatePanel = ({ job, samples }: { job: Job; samples: readonly Sample[] }) => {
  const points = ratePointsOf(job.phases, samples);
  const rates = ratesOf(job.phases, samples);
  if (rates === undefined || points.length < FEWEST_POINTS) return null;
  const hasChart = (points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0) >= SHORTEST_SECONDS;
  const unit = job.type === 'import' ? 'Lines' : 'Users';
  return (
    <figure className={styles.panel}>
      <figcaption>
        {unit} a second: {formatCount(Math.round(rates.average))} on average, at most{' '}
        {formatCount(Math.round(rates.highest))}
      </figcaption>
      {hasChart && (
        <div aria-hidden className={styles.chart}>
          <Suspense>
            <RateChart points={points} unit={unit} />
          </Suspense>
        </div>
      )}
    </figure>
  );
};
