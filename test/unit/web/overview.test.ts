import { expect, test } from 'vitest';
import {
  countsOf,
  type Day,
  isBusy,
  needsOf,
  nothingOf,
  summaryOf,
} from '../../../web/overview/overview.ts';

const NOTHING = {
  unfinishedJobs: 2,
  retryableJobs: 0,
  requestsToDecide: 0,
  openWindows: 0,
  damagedBackups: 0,
  expiringBackups: 0,
};

const dayOf = (counts: Partial<Day>): Day => ({
  day: '2026-11-30',
  added: 0,
  imported: 0,
  deleted: 0,
  restored: 0,
  ...counts,
});

test('jobs that run need nobody', () => {
  expect(needsOf(NOTHING, 'admin')).toEqual([]);
});

test('all that needs a person is named, the most urgent first', () => {
  const all = Object.fromEntries(Object.keys(NOTHING).map((name) => [name, 1_200]));
  expect(needsOf(all as typeof NOTHING, 'ops').map(({ words }) => words)).toEqual([
    '1,200 backups are damaged',
    '1,200 requests to delete all users wait for a decision',
    '1,200 approved requests to delete all users can be run',
    '1,200 jobs can be tried again',
    '1,200 backups expire within 3 days',
  ]);
});

test('the platform team is told that it decides', () => {
  const [waits] = needsOf({ ...NOTHING, requestsToDecide: 1 }, 'platform');
  expect(waits?.words).toBe('1 request to delete all users waits for a decision');
  expect(waits?.more).toContain('other than its author');
});

/** The second sentence about jobs that can be tried again. */
const moreFor = (role: 'admin' | 'ops' | 'platform') =>
  needsOf({ ...NOTHING, retryableJobs: 2 }, role)[0]?.more;

test('jobs to retry promise nothing about their users, and name those that may retry', () => {
  expect(moreFor('admin')).toBe('The page of each job shows how, and for which users or lines.');
  expect(moreFor('ops')).toBe(moreFor('admin'));
  expect(moreFor('platform')).toBe('An admin of the workspace or operations can do so.');
});

test('the summary leaves out what did not happen, and what nobody counts', () => {
  const days = [dayOf({ added: 1_000, deleted: 3 }), dayOf({ added: 204, restored: 2 })];
  expect(summaryOf(days)).toBe('1,204 added and still there, 3 deleted, 2 restored');
  expect(summaryOf([dayOf({})])).toBe('');
  expect([...days, dayOf({})].map(isBusy)).toEqual([true, true, false]);
  const ofAll = [dayOf({ added: null, imported: 9 })];
  expect(countsOf(ofAll)).toEqual(['imported', 'deleted', 'restored']);
  expect(summaryOf(ofAll)).toBe('9 imported');
});

test('days without work are described by the counts that are known', () => {
  expect(nothingOf([dayOf({})])).toBe('No user was added, imported, deleted or restored.');
  expect(nothingOf([dayOf({ added: null })])).toBe('No user was imported, deleted or restored.');
});
