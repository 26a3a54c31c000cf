import type { PropertyTypes } from '../../selection/fields.ts';
import type { Filter } from '../../selection/filter.ts';
import { type FilterProblem, problemsOf, problemsWithin } from '../filters/filter-problems.ts';

/** A segment as it is written. It may be incomplete. */
export interface SegmentDraft {
  name: string;
  filter: Filter | undefined;
}

export interface DraftProblems {
  /** Stands at the name. */
  name?: string | undefined;
  /** Stands at the filter, which has no condition to show it at. */
  filter?: string | undefined;
  conditions: readonly FilterProblem[];
}

export const MAX_NAME_LENGTH = 255;

/** With one condition to fill in. */
export const NEW_DRAFT: SegmentDraft = { name: '', filter: { field: '', op: 'is' } };

/** What must be completed before the draft can be saved. */
export const draftProblems = (
  { name, filter }: SegmentDraft,
  properties: PropertyTypes,
): DraftProblems => ({
  name: name.trim() === '' ? 'Enter a name.' : undefined,
  filter: filter === undefined ? 'Add a condition. A segment never means everyone.' : undefined,
  conditions: filter === undefined ? [] : problemsOf(filter, properties),
});

/** The problems of a response, each at its place. */
export const sentProblems = (errors: readonly FilterProblem[]): DraftProblems => {
  const atName = errors.find(({ pointer }) => pointer === '/name');
  return {
    name: atName && `This name ${atName.detail}.`,
    conditions: problemsWithin(errors, '/filter'),
  };
};

export const hasProblems = ({ name, filter, conditions }: DraftProblems): boolean =>
  name !== undefined || filter !== undefined || conditions.length > 0;

/** What a draft changes of a segment. Undefined if nothing. */
export const changesOf = (
  base: SegmentDraft,
  { name, filter }: SegmentDraft,
): { name?: string; filter?: Filter } | undefined => {
  const isRenamed = name.trim() !== base.name;
  const isOther = JSON.stringify(filter) !== JSON.stringify(base.filter);
  if (!isRenamed && !isOther) return undefined;
  return {
    ...(isRenamed && { name: name.trim() }),
    ...(isOther && filter !== undefined && { filter }),
  };
};
