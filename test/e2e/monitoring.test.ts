import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Job } from '../../local/api-client.ts';
import { PROJECT_FOLDER } from '../../local/processes/keepsake-process.ts';
import { useOwnStack } from '../support/stack/stack.ts';
import { sweepNow } from '../support/stack/trigger-schedule.ts';

const stack = useOwnStack();

const read = (path: string) => readFile(join(PROJECT_FOLDER, path), 'utf8');

interface Panel {
  title: string;
  targets: { expr: string }[];
}

const readPanels = async (): Promise<Panel[]> =>
  (JSON.parse(await read('monitoring/dashboard.json')) as { panels: Panel[] }).panels;

/** The expression of each alert. The file has each expression on its own line. */
const readAlerts = async (): Promise<{ name: string; expr: string }[]> =>
  [
    ...(await read('monitoring/alerts.yml')).matchAll(
      /- alert: (\w+)\n(?: +#.*\n)* +expr: (.+)\n/g,
    ),
  ].map(([, name = '', expr = '']) => ({ name, expr }));

const metricsIn = (expressions: string[]): string[] => [
  ...new Set(expressions.flatMap((text) => text.match(/\b(?:keepsake|temporal)_[a-z_]+/g) ?? [])),
];

/** Metrics of Temporal that exist only after a failure. */
const ONLY_AFTER_A_FAILURE = ['temporal_activity_execution_failed_total'];

test('every metric of the alerts and the dashboard is in a scrape', async () => {
  const admin = await stack().workspace('monitored');
  await stack().sql(
    `INSERT INTO users (workspace_id, user_id) SELECT 'monitored', 'u-' || n FROM generate_series(1, 20) n`,
  );
  const { id } = await admin.succeed<Job>('POST', '/v1/deletions', {
    selection: { type: 'ids', ids: ['u-1'] },
    reason: 'asked to',
  });
  expect(await admin.finish(id)).toMatchObject({ state: 'succeeded' });
  await sweepNow(stack().temporal);
  const { api, metrics } = stack().stack.info();
  const scrape = async () =>
    (
      await Promise.all([`${api}/metrics`, metrics].map(async (url) => (await fetch(url)).text()))
    ).join('\n');
  const alerts = await readAlerts();
  const panels = await readPanels();
  expect(alerts.length).toBeGreaterThan(10);
  const wanted = metricsIn([
    ...alerts.map(({ expr }) => expr),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ]).filter((name) => !ONLY_AFTER_A_FAILURE.includes(name));
  const missing = async () => {
    const text = await scrape();
    return wanted.filter((name) => !new RegExp(`^${name}[{ ]`, 'm').test(text));
  };
  await expect.poll(missing, { interval: 1_000 }).toEqual([]);
});

test('every alert has a row in the runbook, and every row has an alert', async () => {
  const operations = await read('docs/operations.md');
  const rows = [...operations.matchAll(/^\| `(Keepsake\w+)` \|/gm)].map(([, name]) => name);
  expect(rows).toEqual((await readAlerts()).map(({ name }) => name));
});

const hasPromtool = await promisify(execFile)('promtool', ['--version']).then(
  () => true,
  () => false,
);

test.skipIf(!hasPromtool)('promtool accepts the rules', async () => {
  const file = join(PROJECT_FOLDER, 'monitoring/alerts.yml');
  const { stdout } = await promisify(execFile)('promtool', ['check', 'rules', file]);
  expect(stdout).toContain('SUCCESS');
});
