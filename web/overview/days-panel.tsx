import { Suspense } from 'react';
import { formatShortDate } from '../format/dates.ts';
import { formatCount } from '../format/numbers.ts';
import { lazyChart } from '../page/lazy-page.ts';
import { countsOf, type Day, DAY_COUNTS, isBusy, nothingOf, sumOf, summaryOf } from './overview.ts';
import styles from './overview.module.css';

const DaysChart = lazyChart(() => import('./days-chart.tsx').then((module) => module.DaysChart));

/** The users by day, as a picture and as numbers. Days are days in UTC. */
export const DaysPanel = ({ days }: { days: readonly Day[] }) => {
  const summary = summaryOf(days);
  if (summary === '') {
    return <p className={styles.soft}>{nothingOf(days)}</p>;
  }
  return (
    <figure className={styles.days}>
      <figcaption>{summary}.</figcaption>
      <div aria-hidden className={styles.chart}>
        <Suspense>
          <DaysChart days={days} counts={countsOf(days).filter((name) => sumOf(days, name) > 0)} />
        </Suspense>
      </div>
      <details>
        <summary>Numbers by day</summary>
        <DaysTable days={days} />
      </details>
    </figure>
  );
};

/** The days on which something happened, the latest first. */
const DaysTable = ({ days }: { days: readonly Day[] }) => {
  const counts = countsOf(days);
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Day (UTC)</th>
          {counts.map((name) => (
            <th key={name} scope="col" className={styles.number}>
              {DAY_COUNTS[name]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {days
          .filter(isBusy)
          .toReversed()
          .map((day) => (
            <tr key={day.day}>
              <th scope="row">{formatShortDate(day.day)}</th>
              {counts.map((name) => (
                <td key={name} className={styles.number}>
                  {formatCount(day[name] ?? 0)}
                </td>
              ))}
            </tr>
          ))}
      </tbody>
    </table>
  );
};
