import type { JobState, JobType } from '../job.ts';
import { TYPE_WORDS } from '../words/job-words.ts';

/** Groups of states that people look for. */
export const STATE_GROUPS = {
  active: { name: 'Active', states: ['queued', 'running', 'cancelling'] },
  succeeded: { name: 'Done', states: ['succeeded'] },
  partiallySucceeded: { name: 'Done in part', states: ['partiallySucceeded'] },
  failed: { name: 'Failed', states: ['failed'] },
  cancelled: { name: 'Stopped', states: ['cancelled'] },
  notAllDone: {
    name: 'Ended, not all done',
    states: ['partiallySucceeded', 'failed', 'cancelled'],
  },
} as const satisfies Readonly<Record<string, { name: string; states: readonly JobState[] }>>;

export type StateGroup = keyof typeof STATE_GROUPS;

/** The filters of the list, as its address has them. */
export interface JobsSearch {
  state?: StateGroup | undefined;
  type?: JobType | undefined;
  /** Days of the reader's calendar, both inclusive: `2026-11-30`. */
  from?: string | undefined;
  to?: string | undefined;
  /** The id of a key. */
  actor?: string | undefined;
  /** For people that see several workspaces. */
  workspace?: string | undefined;
  /** The cursor of a page. */
  after?: string | undefined;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Sets each value: one that is left out would reach the page as it came. */
export const readJobsSearch = (search: Record<string, unknown>): JobsSearch => {
  const { state, type, from, to, actor, workspace, after } = search;
  return {
    state: isOneOf(STATE_GROUPS, state) ? state : undefined,
    type: isOneOf(TYPE_WORDS, type) ? type : undefined,
    from: isDay(from) ? from : undefined,
    to: isDay(to) ? to : undefined,
    actor: typeof actor === 'string' && UUID.test(actor) ? actor : undefined,
    workspace: typeof workspace === 'string' && workspace !== '' ? workspace : undefined,
    after: typeof after === 'string' && after !== '' ? after : undefined,
  };
};

/** Whether the list shows a part of the jobs only. */
export const isFiltered = ({ after: _after, ...filters }: JobsSearch): boolean =>
  Object.values(filters).some((value) => value !== undefined);

/** Whether the last day is before the first one: no job can match, and the API refuses it. */
export const isReversed = ({ from, to }: JobsSearch): boolean =>
  from !== undefined && to !== undefined && from > to;

/** The query of the API for a search. Days begin and end in the reader's zone. */
export const queryOf = ({ state, type, from, to, actor, workspace, after }: JobsSearch) => ({
  ...(state !== undefined && { state: [...STATE_GROUPS[state].states] }),
  ...(type !== undefined && { type: [type] }),
  ...(from !== undefined && { from: midnightOf(from, 0) }),
  ...(to !== undefined && { to: midnightOf(to, 1) }),
  ...(actor !== undefined && { actorKeyId: actor }),
  ...(workspace !== undefined && { workspace }),
  ...(after !== undefined && { cursor: after }),
});

const isOneOf = <Name extends string>(
  names: Readonly<Record<Name, unknown>>,
  value: unknown,
): value is Name => typeof value === 'string' && Object.hasOwn(names, value);

/** A day that exists. */
const isDay = (value: unknown): value is string =>
  typeof value === 'string' && DAY.test(value) && !Number.isNaN(Date.parse(value));

/** The begin of a day, or of a day after it, in the zone of the browser. */
const midnightOf = (day: string, daysLater: number): string => {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + daysLater).toISOString();
};
