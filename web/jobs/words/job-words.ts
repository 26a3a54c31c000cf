import { countOf, formatShare } from '../../format/numbers.ts';
import { isActive, type Job, type JobState, type JobType, sizeOf } from '../job.ts';

/** What a type of job is called: in headings, in the list, and while it runs or after its end. */
interface TypeWords {
  noun: string;
  /** In the title of the tab while it runs. */
  doing: string;
  /** In the title of the tab after its end. */
  done: string;
  /** On the button that stops it. */
  stop: string;
}

export const TYPE_WORDS: Readonly<Record<JobType, TypeWords>> = {
  deletion: { noun: 'Deletion', doing: 'Deleting', done: 'Deleted', stop: 'Stop deletion' },
  restore: { noun: 'Restore', doing: 'Restoring', done: 'Restored', stop: 'Stop restore' },
  export: { noun: 'Export', doing: 'Exporting', done: 'Exported', stop: 'Stop export' },
  import: { noun: 'Import', doing: 'Importing', done: 'Imported', stop: 'Stop import' },
};

export const STATE_WORDS: Readonly<Record<JobState, string>> = {
  queued: 'Waiting to start',
  running: 'Running',
  cancelling: 'Stopping',
  succeeded: 'Done',
  partiallySucceeded: 'Done in part',
  failed: 'Failed',
  cancelled: 'Stopped',
};

/**
 * A job as a sentence: `Deletion of 12,400 users in 'Churned 2024'`. It names a segment, but no
 * user, filter or search.
 */
export const headingOf = (job: Job): string => {
  const noun = job.dryRun === true ? 'Dry run of an import' : TYPE_WORDS[job.type].noun;
  const words = `${noun} of ${unitsOf(job)}${scopeOf(job)}`;
  return job.retryOf === null ? words : `${words}, tried again`;
};

/** For the title of the tab, without names: `42 % – Deleting`, `Deleted`, `Deletion failed`. */
export const tabTitleOf = (job: Job, share: number | null): string => {
  const { noun, doing, done } = TYPE_WORDS[job.type];
  if (isActive(job)) {
    if (job.state === 'queued') return `${noun} waits`;
    return share === null ? doing : `${formatShare(share)} – ${doing}`;
  }
  if (job.state === 'failed') return `${noun} failed`;
  return job.state === 'cancelled' ? `${noun} stopped` : done;
};

/** `12,400 users`, `users` while they are not counted, `all 12,400 users`, `10,000 lines`. */
const unitsOf = (job: Job): string => {
  const size = sizeOf(job);
  const [one, many] = job.type === 'import' ? ['line', 'lines'] : ['user', 'users'];
  const count = size === null ? many : countOf(size, one);
  const isOfAll = job.type === 'export' && job.selection.type === 'all';
  return isOfAll || (job.type === 'deletion' && job.parent !== null) ? `all ${count}` : count;
};

const scopeOf = ({ type, selection }: Job): string => {
  const name = selection['segmentName'];
  if (typeof name === 'string') return ` in '${name}'`;
  if (type === 'restore') return '';
  if (selection.type === 'list') return ' from a list';
  if (selection.type === 'filter') return ' that match a filter';
  if (selection.type !== 'query') return '';
  return typeof selection['q'] === 'string' ? ' that match a search' : ' that match a filter';
};
