import { AreaChart } from '@mantine/charts';
import { formatClock } from '../../format/durations.ts';
import { formatCount } from '../../format/numbers.ts';
import type { RatePoint } from './rates.ts';
import '@mantine/charts/styles.css';

const HEIGHT = 140;

/** Users a second over the time of a job. */
export const RateChart = ({ points, unit }: { points: RatePoint[]; unit: string }) => (
  <AreaChart
    h={HEIGHT}
    data={points.map(({ at, rate }) => ({ at, rate: Math.round(rate) }))}
    dataKey="at"
    series={[{ name: 'rate', label: `${unit} a second`, color: 'act' }]}
    curveType="stepBefore"
    withDots={false}
    withGradient={false}
    fillOpacity={0.2}
    strokeWidth={2}
    valueFormatter={formatCount}
    xAxisProps={{ type: 'number', domain: ['dataMin', 'dataMax'], tickFormatter: formatClock }}
    yAxisProps={{ width: 56, tickCount: 3 }}
    // Its numbers stand beside it as text, so the picture takes no focus.
    areaChartProps={{ accessibilityLayer: false }}
    areaProps={{ isAnimationActive: false }}
    tooltipProps={{ isAnimationActive: false, labelFormatter: (at) => formatClock(Number(at)) }}
  />
);
