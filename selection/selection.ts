import { z } from 'zod';
import { filterSchema } from './filter-schema.ts';
import { searchSchema } from './search.ts';
import { isLongerThan } from './values.ts';

export const MAX_CHOSEN_IDS = 10_000;
export const MAX_EXCLUDED_IDS = 10_000;
/** Most users that may be deleted by id without a preview. */
export const MAX_DIRECT_IDS = 100;
export const MAX_USER_ID_LENGTH = 255;

/** How a list names its users: the possible columns of its file, the preferred one first. */
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

/** Ids of users, at least one, without repetitions. */
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

const NO_CONDITION =
  'must have q, segmentId or filter; a query without a condition does not select all users';

const querySelectionSchema = z
  .strictObject({
    type: z.literal('query'),
    q: searchSchema.optional(),
    segmentId: z.uuid().optional(),
    filter: filterSchema.optional(),
    excludeIds: excludeIdsSchema,
  })
  .refine((query) => query.q !== undefined || query.segmentId !== undefined || query.filter, {
    error: NO_CONDITION,
  })
  .describe(
    'The users that `GET /v1/users` lists for the same `q`, `segmentId` and `filter`, which must all match; at least one of them is required',
  )
  .meta({ id: 'QuerySelection' });

const listSelectionSchema = z
  .strictObject({ type: z.literal('list'), listId: z.uuid() })
  .describe('Users from an uploaded file: `POST /v1/user-lists`')
  .meta({ id: 'ListSelection' });

const NEEDS_PREVIEW =
  'must be ids; for a segment, filter, query or list, make a preview first (POST /v1/deletion-previews), then confirm it';

const TOO_MANY = `has more than ${MAX_DIRECT_IDS} users; preview them first, then confirm the preview`;

/** Users that may be deleted without a preview. Any other selection needs a preview. */
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

/** The users that a deletion selects; never all users. */
export const deletionSelectionSchema = z
  .discriminatedUnion('type', [
    idsSelectionSchema,
    listSelectionSchema,
    segmentSelectionSchema,
    filterSelectionSchema,
    querySelectionSchema,
  ])
  .meta({ id: 'DeletionSelection' });

/** The users that an export selects. */
export const exportSelectionSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('all') }).meta({ id: 'AllSelection' }),
    idsSelectionSchema,
    listSelectionSchema,
    segmentSelectionSchema,
    filterSelectionSchema,
    querySelectionSchema,
  ])
  .meta({ id: 'ExportSelection' });

export type ExportSelection = z.infer<typeof exportSelectionSchema>;
