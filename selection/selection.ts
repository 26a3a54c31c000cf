import { z } from 'zod';
import { filterSchema, type FrozenFilter } from './filter.ts';
import { isLongerThan } from './values.ts';

export const MAX_CHOSEN_IDS = 10_000;
export const MAX_EXCLUDED_IDS = 10_000;
/** Chosen users that may be deleted without a preview. */
export const MAX_DIRECT_IDS = 100;
const MAX_USER_ID_LENGTH = 255;

export const userIdSchema = z
  .string()
  .min(1, 'is empty')
  .refine((id) => !isLongerThan(id, MAX_USER_ID_LENGTH), {
    error: `is longer than ${MAX_USER_ID_LENGTH} characters`,
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
        context.addIssue({ code: 'custom', message: 'is there twice', path: [index] });
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

const NEEDS_PREVIEW =
  'must be ids; of a segment or filter make a preview first (POST /v1/deletion-previews), then confirm it';

const TOO_MANY = `names more than ${MAX_DIRECT_IDS} users; preview them first, then confirm the preview`;

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
  .discriminatedUnion('type', [idsSelectionSchema, segmentSelectionSchema, filterSelectionSchema])
  .meta({ id: 'DeletionSelection' });

/** Which users an export holds. */
export const exportSelectionSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('all') }).meta({ id: 'AllSelection' }),
    idsSelectionSchema,
    segmentSelectionSchema,
    filterSelectionSchema,
  ])
  .meta({ id: 'ExportSelection' });

export type ExportSelection = z.infer<typeof exportSelectionSchema>;

/** As a job keeps it: the segment's filter copied, relative dates made moments, ids kept beside. */
export type FrozenSelection =
  | { type: 'all' }
  | { type: 'ids'; count: number }
  | { type: 'segment'; segmentId: string; filter: FrozenFilter; excludeIds?: string[] }
  | { type: 'filter'; filter: FrozenFilter; excludeIds?: string[] };
