import type { components } from '../api/schema.d.ts';
import type { Role } from '../api/session-info.ts';
import { countOf, formatCount } from '../format/numbers.ts';
import type { StateGroup } from '../jobs/list/jobs-search.ts';

/** What a workspace, or all of them, did in the last days, and what needs a person. */
export type Overview = components['schemas']['Overview'];
export type Day = Overview['days'][number];
export type Attention = Overview['attention'];

/** The counts of a day, in the order of the chart. */
export const DAY_COUNTS = {
  added: 'Added, still there',
  imported: 'Imported',
  deleted: 'Deleted',
  restored: 'Restored',
} as const;

const VERBS: Readonly<Record<DayCount, string>> = {
  added: 'added and still there',
  imported: 'imported',
  deleted: 'deleted',
  restored: 'restored',
};

export type DayCount = keyof typeof DAY_COUNTS;

/**
 * The counts that are known. The users that were added are not counted across workspaces, and their
 * count may take too long.
 */
export const countsOf = (days: readonly Day[]): DayCount[] =>
  (Object.keys(DAY_COUNTS) as DayCount[]).filter((name) => days.some((day) => day[name] !== null));

export const sumOf = (days: readonly Day[], name: DayCount): number =>
  days.reduce((sum, day) => sum + (day[name] ?? 0), 0);

/** Whether anything happened on this day. */
export const isBusy = (day: Day): boolean =>
  (Object.keys(DAY_COUNTS) as DayCount[]).some((name) => (day[name] ?? 0) > 0);

/** `1,204 added and still there, 12,400 deleted`: what did not happen is left out. */
export const summaryOf = (days: readonly Day[]): string =>
  countsOf(days)
    .map((name) => [sumOf(days, name), VERBS[name]] as const)
    .filter(([sum]) => sum > 0)
    .map(([sum, verb]) => `${formatCount(sum)} ${verb}`)
    .join(', ');

/** The sentence for days without any summary. It states only what was counted. */
export const nothingOf = (days: readonly Day[]): string => {
  // The names are the verbs.
  const verbs: string[] = countsOf(days);
  return `No user was ${verbs.slice(0, -1).join(', ')} or ${verbs.at(-1) ?? ''}.`;
};

/** A thing that needs a person, in words. */
export interface Need {
  words: string;
  /** What happens otherwise, or who acts. */
  more: string;
  /** The jobs that it is about. */
  jobs?: StateGroup;
}

/** What needs a person, the most urgent first. */
export const needsOf = (attention: Attention, role: Role): Need[] => {
  const needs: [count: number, need: (count: number) => Need][] = [
    [attention.damagedBackups, damaged],
    [attention.requestsToDecide, (count) => toDecide(count, role)],
    [attention.openWindows, openWindows],
    [attention.retryableJobs, (count) => retryable(count, role)],
    [attention.expiringBackups, expiring],
  ];
  return needs.filter(([count]) => count > 0).map(([count, need]) => need(count));
};

const damaged = (count: number): Need => ({
  words: `${countOf(count, 'backup is', 'backups are')} damaged`,
  more: 'Some of the users in it cannot be restored. Operations look for a copy of its files.',
});

const toDecide = (count: number, role: Role): Need => ({
  words: `${countOf(count, 'request to delete all users waits', 'requests to delete all users wait')} for a decision`,
  more:
    role === 'platform'
      ? 'Someone of the platform team other than its author approves or denies it.'
      : 'The platform team approves or denies it.',
});

const openWindows = (count: number): Need => ({
  words: `${countOf(count, 'approved request', 'approved requests')} to delete all users can be run`,
  more: 'Any admin of the workspace can run it until its window closes.',
});

const retryable = (count: number, role: Role): Need => ({
  words: `${countOf(count, 'job', 'jobs')} can be tried again`,
  more:
    role === 'platform'
      ? 'An admin of the workspace or operations can do so.'
      : 'The page of each job shows how, and for which users or lines.',
  jobs: 'notAllDone',
});

const expiring = (count: number): Need => ({
  words: `${countOf(count, 'backup expires', 'backups expire')} within 3 days`,
  more: 'The users in it cannot be restored afterwards.',
});
