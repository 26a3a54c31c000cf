import { useMemo } from 'react';
import type { PropertyTypes } from '../../selection/fields.ts';
import { formatCount } from '../format/numbers.ts';
import { apiSelectionOf, type Usable } from '../selection/api-selection.ts';
import type { Selection } from '../selection/selection.ts';
import type { UserQuery } from '../selection/user-query.ts';
import { scopeWords } from './scope-words.ts';

export interface Scope {
  /** For a request, or why there is none. */
  usable: Usable;
  /** `segment 'Churned 2024', 3 left out` */
  words: string;
}

/** The selected users for a dialog. The same objects until the selection or the query changes. */
export const useScope = (
  selection: Selection,
  query: UserQuery,
  segmentName: string | undefined,
  properties: PropertyTypes | undefined,
): Scope => {
  const usable = useMemo(() => apiSelectionOf(selection, query), [selection, query]);
  const words = scopeWords(selection, query, segmentName, properties ?? new Map());
  const leftOut = selection.kind === 'all' ? selection.except.size : 0;
  return {
    usable,
    words: leftOut === 0 ? words : `${words}, ${formatCount(leftOut)} left out`,
  };
};
