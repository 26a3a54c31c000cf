import { useState } from 'react';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Filter } from '../../selection/filter.ts';
import type { components } from '../api/schema.d.ts';
import { problemOf } from '../api/problem.ts';
import { useApi } from '../api/services.tsx';
import { usePending } from '../forms/use-pending.ts';
import {
  changesOf,
  type DraftProblems,
  draftProblems,
  hasProblems,
  NEW_DRAFT,
  type SegmentDraft,
  sentProblems,
} from './segment-draft.ts';
import { useCachedSegments } from './use-cached-segments.ts';
import type { Segment, SegmentList } from './use-segment-list.ts';

const NO_PROBLEMS: DraftProblems = { conditions: [] };

/** What happened to a segment since it was opened here. */
export type SegmentFate = 'same' | 'changed' | 'deleted';

/**
 * The form of a segment.
 *
 * @param segment as it was opened; undefined for a new one
 * @param onSaved gets the id after a new segment was added
 */
export const useSegmentForm = (
  segment: Segment | undefined,
  { properties, list }: { properties: PropertyTypes; list: SegmentList },
  onSaved: (id: string, isNew: boolean) => void,
) => {
  const [base, setBase] = useState(segment);
  const [draft, setDraft] = useState<SegmentDraft>(segment ?? NEW_DRAFT);
  const [isTried, setTried] = useState(false);
  const { add, change, readNow, isSaving, error, reset } = useSave(list);
  const own = draftProblems(draft, properties);
  const sent = error === undefined ? NO_PROBLEMS : sentProblems(problemOf(error).errors);
  const changes = changesOf(base ?? NEW_DRAFT, draft);
  const fate = fateOf(base, list.segments, draft);

  const edit = (next: Partial<SegmentDraft>): void => {
    reset();
    setDraft({ ...draft, ...next });
  };
  const saveNew = async (): Promise<void> => {
    if (draft.filter === undefined) return;
    const id = await add(draft.name.trim(), draft.filter);
    if (id !== undefined) onSaved(id, true);
  };
  const saveChanges = async (known: Segment): Promise<void> => {
    // What others did since is shown before it is overwritten.
    const now = await readNow();
    if (changes === undefined || now === undefined || fateOf(known, now, draft) !== 'same') return;
    const saved = await change(known.id, changes);
    if (saved === undefined) return;
    setBase(saved);
    setDraft(saved);
    setTried(false);
    onSaved(saved.id, false);
  };

  return {
    draft,
    edit,
    fate,
    isSaving,
    isUnsaved: changes !== undefined,
    /** Whether its users can be looked up. The name may be missing. */
    isFilterComplete: own.filter === undefined && own.conditions.length === 0,
    /** Shown at their places, once the person has tried to save. */
    problems: isTried && hasProblems(own) ? own : sent,
    isIncomplete: isTried && hasProblems(own),
    /** A failure that has no place in the form. */
    error: error !== undefined && !hasProblems(sent) ? error : undefined,
    save: (): void => {
      setTried(true);
      if (hasProblems(own)) return;
      void (base === undefined ? saveNew() : saveChanges(base));
    },
    saveAsNew: (): void => {
      setTried(true);
      if (!hasProblems(own)) void saveNew();
    },
    /** Goes on from what others saved, and keeps what is written here. */
    keepMine: (): void => setBase(currentOf(base, list.segments)),
    takeTheirs: (): void => {
      const now = currentOf(base, list.segments);
      setBase(now);
      if (now !== undefined) setDraft(now);
    },
  };
};

const currentOf = (base: Segment | undefined, all: readonly Segment[] | undefined) =>
  all?.find(({ id }) => id === base?.id);

/** While the list loads, nothing is known to have happened. */
const fateOf = (
  base: Segment | undefined,
  all: readonly Segment[] | undefined,
  draft: SegmentDraft,
): SegmentFate => {
  if (base === undefined || all === undefined) return 'same';
  const now = currentOf(base, all);
  if (now === undefined) return 'deleted';
  // What is written here was saved, though its answer may have been lost.
  const isSaved = changesOf(now, draft) === undefined;
  return now.updatedAt === base.updatedAt || isSaved ? 'same' : 'changed';
};

/**
 * Sends what is saved. A failure is kept in `error`, and its promise has undefined; so has that of
 * a part that is no longer shown.
 */
const useSave = ({ reload }: SegmentList) => {
  const [isReading, wait] = usePending();
  const api = useApi();
  const cached = useCachedSegments();
  const options = { onSuccess: cached.put, onError: cached.readAgain };
  const post = api.useMutation('post', '/v1/segments', options);
  const patch = api.useMutation('patch', '/v1/segments/{id}', options);
  return {
    isSaving: isReading || post.isPending || patch.isPending,
    error: post.error ?? patch.error ?? undefined,
    reset: (): void => {
      post.reset();
      patch.reset();
    },
    readNow: () => wait(reload()),
    add: async (name: string, filter: Filter): Promise<string | undefined> => {
      const saved = await orNothing(post.mutateAsync({ body: { name, filter: sendable(filter) } }));
      return saved?.id;
    },
    change: async (
      id: string,
      { name, filter }: { name?: string; filter?: Filter },
    ): Promise<Segment | undefined> => {
      const body = {
        ...(name !== undefined && { name }),
        ...(filter !== undefined && { filter: sendable(filter) }),
      };
      return orNothing(patch.mutateAsync({ params: { path: { id } }, body }));
    },
  };
};

const orNothing = <Value>(sent: Promise<Value>): Promise<Value | undefined> =>
  sent.catch(() => undefined);

/** JSON leaves out a value that is undefined. */
const sendable = (filter: Filter) => filter as components['schemas']['Filter'];

export type UsedSegmentForm = ReturnType<typeof useSegmentForm>;
