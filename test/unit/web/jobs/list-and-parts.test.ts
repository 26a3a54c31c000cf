import { expect, test } from 'vitest';
import { isFiltered, queryOf, readJobsSearch } from '../../../../web/jobs/list/jobs-search.ts';
import { noMailWordsOf } from '../../../../web/jobs/parts/mail-words.ts';
import { partsOfSelection } from '../../../../web/jobs/parts/selection-words.ts';
import { stopWordsOf } from '../../../../web/jobs/parts/stop-words.ts';
import { jobJson, phaseRun } from '../../../support/web/job-json.ts';

const KEY = 'c1573ba4-2c01-8174-bde0-3566c37da56a';

test('an address with filters is read, and anything else in it is left out', () => {
  const search = {
    state: 'active',
    type: 'import',
    from: '2026-11-01',
    to: '2026-11-30',
    actor: KEY,
  };
  expect(readJobsSearch(search)).toEqual({ ...search, after: undefined });
  const wrong = { state: 'toString', type: 7, from: '2026-13-45', to: 'x', actor: 'me', after: '' };
  expect(Object.values(readJobsSearch(wrong))).toEqual(Array(7).fill(undefined));
  expect(isFiltered(readJobsSearch({ after: 'cursor' }))).toBe(false);
  expect(isFiltered(readJobsSearch({ type: 'import' }))).toBe(true);
});

test('days begin and end in the zone of the reader, and the last one is within', () => {
  const query = queryOf({ from: '2026-11-01', to: '2026-11-30', state: 'active' });
  expect(new Date(query.from!).getTime()).toBe(new Date(2026, 10, 1).getTime());
  expect(new Date(query.to!).getTime()).toBe(new Date(2026, 11, 1).getTime());
  expect(query.state).toEqual(['queued', 'running', 'cancelling']);
});

const progress = (pass: number, total: number, processed: number) => ({
  pass,
  total,
  processed,
  ratePerSecond: null,
  etaSeconds: null,
});

test('a stop says how many are deleted and how many stay, over all passes', () => {
  const first = [phaseRun('backingUp', [0, 9]), phaseRun('deleting', [9])];
  expect(stopWordsOf(jobJson({ phases: first, progress: progress(1, 12_400, 8_000) }))).toBe(
    '8,000 are deleted and can be restored. The other 4,400 stay.',
  );
  expect(stopWordsOf(jobJson({ phases: first, progress: progress(1, 12_400, 0) }))).toBe(
    'Nobody is deleted yet. All of them stay.',
  );
  const second = [
    phaseRun('backingUp', [0, 9]),
    phaseRun('deleting', [9, 20]),
    phaseRun('backingUp', [20, 21], { pass: 2, total: 100, processed: 100 }),
    phaseRun('deleting', [21], { pass: 2, total: 100 }),
  ];
  expect(stopWordsOf(jobJson({ phases: second, progress: progress(2, 100, 40) }))).toBe(
    '12,340 are deleted and can be restored. The other 60 stay.',
  );
});

test.each([
  [{ type: 'all' }, 'All users'],
  [{ type: 'ids', count: 3 }, '3 chosen users'],
  [{ type: 'segment', segmentName: 'Churned', filter: {} }, "Users of segment 'Churned'"],
  [
    { type: 'query', segmentName: 'Churned', q: 'ada', filter: {} },
    "Users of segment 'Churned' and a search for 'ada' and a filter",
  ],
  [{ type: 'query' }, 'A part of the users'],
])('the selection %j in words', (selection, words) => {
  expect(partsOfSelection(selection).words).toBe(words);
});

test.each([
  [{ notify: false, state: 'queued', startedAt: null, finishedAt: null }, 'None'],
  [{ notify: true, state: 'queued', startedAt: null, finishedAt: null }, 'At the end'],
  [{ notify: true, state: 'failed', startedAt: 'a', finishedAt: 'b' }, 'Not sent yet'],
  [
    { notify: true, state: 'cancelled', startedAt: null, finishedAt: 'b' },
    'None: the job was stopped before it began',
  ],
  [
    { notify: true, state: 'failed', startedAt: null, finishedAt: 'b' },
    'None: the job did not begin',
  ],
] as const)('without a mail, the details of a job of %j say %j', (job, words) => {
  expect(noMailWordsOf(job)).toBe(words);
});
