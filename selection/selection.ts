import { z } from 'zod';
import { filterSchema, type FrozenFilter } from './filter.ts';
import { isLongerThan } from './values.ts';

export const MAX_CHOSEN_IDS = 10_000;
export const MAX_EXCLUDED_IDS = 10_000;
/** Chosen users that may be deleted without a preview. */
export const MAX_DIRECT_IDS = 100;
export const MAX_USER_ID_LENGTH = 255;

/**
 * What a list of users may name them by: the columns of its file, the first one before the others.
 */
export const MATCH_BY = ['userId', 'email'] as const;
export type MatchBy = (typeof MATCH_BY)[number];

export const userIdSchema = z
  .string()
  .min(1, 'must not be empty')
  .refine((id) => !isLongerThan(id, MAX_USER_ID_LENGTH), {
    error: `must have at most ${MAX_USER_ID_LENGTH} characters`,
  })
  .meta({ maxLength: MAX_USER_ID_LENGTH });

const findRepeated = (ids: readonly string[]): number[] => {
  const seen = new Set<string>();
  return ids.flatMap((id, index) => {
    const isRepeated = seen.has(id);
    seen.add(id);
    return isRepeated ? [index] : [];
  });
};

/** Users named one by one, at least one, none twice. */
export const chosenIdsSchema = (max = MAX_CHOSEN_IDS, tooMany?: string) =>
  z
    .array(userIdSchema)
    .min(1)
    .max(max, tooMany)
    .superRefine((ids, context) => {
      for (const index of findRepeated(ids)) {
        context.addIssue({ code: 'custom', message: 'is repeated', path: [index] });
      }
    });

const idsSelectionSchema = z
  .strictObject({ type: z.literal('ids'), ids: chosenIdsSchema() })
  .meta({ id: 'IdsSelection' });

const excludeIdsSchema = chosenIdsSchema(MAX_EXCLUDED_IDS).optional();

const segmentSelectionSchema = z
  .strictObject({
    type: z.literal('segment'),
    segmentId: z.uuid(),
    excludeIds: excludeIdsSchema,
  })
  .meta({ id: 'SegmentSelection' });

const filterSelectionSchema = z
  .strictObject({
    type: z.literal('filter'),
    filter: filterSchema,
    excludeIds: excludeIdsSchema,
  })
  .meta({ id: 'FilterSelection' });

const listSelectionSchema = z
  .strictObject({ type: z.literal('list'), listId: z.uuid() })
  .describe('Users from an uploaded file: `POST /v1/user-lists`')
  .meta({ id: 'ListSelection' });

const NEEDS_PREVIEW =
  'must be ids; for a segment, filter or list, make a preview first (POST /v1/deletion-previews), then confirm it';

const TOO_MANY = `has more than ${MAX_DIRECT_IDS} users; preview them first, then confirm the preview`;

/** Users that may be deleted at once; any other selection has to be looked at first. */
export const directSelectionSchema = z
  .discriminatedUnion(
    'type',
    [
      idsSelectionSchema
        .extend({ ids: chosenIdsSchema(MAX_DIRECT_IDS, TOO_MANY) })
        .meta({ id: 'FewIdsSelection' }),
    ],
    { error: ({ code }) => (code === 'invalid_union' ? NEEDS_PREVIEW : undefined) },
  )
  .meta({ id: 'DirectSelection' });

/** Which users a deletion is about; never all of them. */
export const deletionSelectionSchema = z
  .discriminatedUnion('type', [
    idsSelectionSchema,
    listSelectionSchema,
    segmentSelectionSchema,
    filterSelectionSchema,
  ])
  .meta({ id: 'DeletionSelection' });

export type DeletionSelection = z.infer<typeof deletionSelectionSchema>;

/** Which users an export holds. */
export const exportSelectionSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('all') }).meta({ id: 'AllSelection' }),
    idsSelectionSchema,
    listSelectionSchema,
    segmentSelectionSchema,
    filterSelectionSchema,
  ])
  .meta({ id: 'ExportSelection' });

export type ExportSelection = z.infer<typeof exportSelectionSchema>;

/**
 * Of users named one by one: they are the targets of the job, and only counted in its row. A
 * restore counts all whom it was asked for, by ids or mail addresses: who of them was deleted by
 * its backup is told when it ends.
 */
export type NamedSelection =
  | { type: 'ids'; count: number }
  /** Of an export's list also how many entries it had; whoever is not counted was not found. */
  | { type: 'list'; listId: string; count: number; entries?: number };

/** As a job keeps it: the segment's filter copied, relative dates made moments, ids kept beside. */
export type FrozenSelection =
  | { type: 'all' }
  | NamedSelection
  | { type: 'segment'; segmentId: string; filter: FrozenFilter; excludeIds?: string[] }
  | { type: 'filter'; filter: FrozenFilter; excludeIds?: string[] };

/** Whether the targets of its job are all whom a selection is about, also where there are none. */
export const namesItsUsers = (selection: FrozenSelection): selection is NamedSelection =>
  selection.type === 'ids' || selection.type === 'list';
