import { z } from 'zod';
import { findSizeProblem, isFrozen } from './filter.ts';
import { filterSchema } from './filter-schema.ts';
import { searchSchema } from './search.ts';
import { withSizeFirst } from './size-first.ts';

/**
 * The schema of a stored selection. A name that is missing or not known makes a selection
 * unreadable: if it were ignored, the rest could select more users than were confirmed.
 */

const frozenFilterSchema = withSizeFirst(
  filterSchema.refine(isFrozen, 'has a relative date'),
  findSizeProblem,
);

const excludeIdsSchema = z.array(z.string());
const countSchema = z.int().min(0);

const idsSchema = z.strictObject({ type: z.literal('ids'), count: countSchema });

const listSchema = z.strictObject({
  type: z.literal('list'),
  listId: z.uuid(),
  count: countSchema,
  /** For an export: the size of the list. Entries beyond `count` name no user. */
  entries: countSchema.optional(),
});

const segmentSchema = z.strictObject({
  type: z.literal('segment'),
  segmentId: z.uuid(),
  /** The name at that time. Null in jobs of earlier versions. */
  segmentName: z.string().nullable(),
  filter: frozenFilterSchema,
  excludeIds: excludeIdsSchema,
});

const ownFilterSchema = z.strictObject({
  type: z.literal('filter'),
  filter: frozenFilterSchema,
  excludeIds: excludeIdsSchema,
});

/** Users that satisfy all parts that are not null; at least one of the three. */
const querySchema = z
  .strictObject({
    type: z.literal('query'),
    q: searchSchema.nullable(),
    segment: z
      .strictObject({ id: z.uuid(), name: z.string(), filter: frozenFilterSchema })
      .nullable(),
    filter: frozenFilterSchema.nullable(),
    excludeIds: excludeIdsSchema,
  })
  .refine(({ q, segment, filter }) => q !== null || segment !== null || filter !== null, {
    error: 'has no condition',
  });

const frozenSelectionSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('all') }),
  idsSchema,
  listSchema,
  segmentSchema,
  ownFilterSchema,
  querySchema,
]);

/** The ids of a preview, which become the targets of its job. */
const previewedIdsSchema = z.strictObject({ type: z.literal('ids'), ids: z.array(z.string()) });

/**
 * A selection of users that are named one by one. They are the targets of the job; the job's row
 * holds only their count. A restore counts all requested ids or email addresses. Its end reports
 * which of them its backup had deleted.
 */
export type NamedSelection = z.infer<typeof idsSchema> | z.infer<typeof listSchema>;

export type FrozenQuery = z.infer<typeof querySchema>;

/** A selection by conditions. */
export type MatchingSelection =
  | z.infer<typeof segmentSchema>
  | z.infer<typeof ownFilterSchema>
  | FrozenQuery;

/**
 * The stored selection of a job: with the filters of segments, and with timestamps instead of
 * relative dates. Ids are stored as targets.
 */
export type FrozenSelection = { type: 'all' } | NamedSelection | MatchingSelection;

/** An error of `readFrozenSelection`. The message names a part of the selection, and no value. */
export interface UnreadableSelection extends Error {
  name: 'UnreadableSelection';
}

export const unreadableSelection = (detail: string): UnreadableSelection =>
  Object.assign(new Error(`The stored selection cannot be read: ${detail}.`), {
    name: 'UnreadableSelection' as const,
  });

export const isUnreadableSelection = (error: unknown): error is UnreadableSelection =>
  error instanceof Error && error.name === 'UnreadableSelection';

/**
 * Reads a stored selection of any type.
 *
 * @throws UnreadableSelection if a part is missing, is not known, or is not of its type, as after
 *   the selection was erased
 */
export const readFrozenSelection = (stored: unknown): FrozenSelection => {
  const { data, error } = frozenSelectionSchema.safeParse(stored);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  throw unreadableSelection(`${issue?.path.join('.') || 'the selection'} (${issue?.code})`);
};

/** The selection of a preview, which has its ids, or the users of its list, beside it. */
export type PreviewedSelection =
  | z.infer<typeof previewedIdsSchema>
  | z.infer<typeof listSchema>
  | MatchingSelection;

/** Reads the stored selection of a preview, with the same rules. @throws UnreadableSelection */
export const readPreviewedSelection = (stored: unknown): PreviewedSelection => {
  const ids = previewedIdsSchema.safeParse(stored);
  if (ids.success) return ids.data;
  const frozen = readFrozenSelection(stored);
  if (frozen.type === 'all' || frozen.type === 'ids') throw unreadableSelection(frozen.type);
  return frozen;
};

/** Whether the job's targets are exactly the selected users, even if there are none. */
export const namesItsUsers = <T extends { type: string }>(
  selection: T,
): selection is Extract<T, NamedSelection> => selection.type === 'ids' || selection.type === 'list';
