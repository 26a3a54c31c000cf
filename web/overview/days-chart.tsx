import { BarChart } from '@mantine/charts';
import { formatDate, formatShortDate } from '../format/dates.ts';
import { formatCount } from '../format/numbers.ts';
import { type Day, DAY_COUNTS, type DayCount } from './overview.ts';
import '@mantine/charts/styles.css';

const HEIGHT = 220;

const COLORS: Readonly<Record<DayCount, string>> = {
  added: 'var(--act)',
  imported: 'var(--edge)',
  deleted: 'var(--warn)',
  restored: 'var(--ok)',
};

/** The users by day, side by side: a user that was imported may also be one that was added. */
export const DaysChart = ({
  days,
  counts,
}: {
  days: readonly Day[];
  counts: readonly DayCount[];
}) => (
  <BarChart
    h={HEIGHT}
    data={days.map(({ day, ...users }) => ({ day, ...users }))}
    dataKey="day"
    series={counts.map((name) => ({ name, label: DAY_COUNTS[name], color: COLORS[name] }))}
    withLegend
    legendProps={{ verticalAlign: 'bottom' }}
    valueFormatter={formatCount}
    xAxisProps={{ tickFormatter: formatShortDate }}
    yAxisProps={{ width: 64, tickCount: 4 }}
    // Its numbers stand beside it as text, so the picture takes no focus.
    barChartProps={{ accessibilityLayer: false }}
    barProps={{ isAnimationActive: false }}
    tooltipProps={{ isAnimationActive: false, labelFormatter: dayOf }}
  />
);

const dayOf = (day: unknown): string => (typeof day === 'string' ? formatDate(day) : '');
