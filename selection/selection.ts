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
  .min(1)
  .refine((id) => !isLongerThan(id, MAX_USER_ID_LENGTH), {
    error: `is longer than ${MAX_USER_ID_LENGTH} characters`,
  })
  .meta({ maxLength: MAX_USER_ID_LENGTH });

/** Users named one by one, at least one, none twice. */
export const chosenIdsSchema = (max = MAX_CHOSEN_IDS) =>
  z
    .array(userIdSchema)
    .min(1)
    .max(max)
    .refine((ids) => new Set(ids).size === ids.length, { error: 'names a user twice' });

export const idsSelectionSchema = (max = MAX_CHOSEN_IDS) =>
  z.strictObject({ type: z.literal('ids'), ids: chosenIdsSchema(max) });

const excludeIdsSchema = chosenIdsSchema(MAX_EXCLUDED_IDS).optional();

const segmentSelectionSchema = z.strictObject({
  type: z.literal('segment'),
  segmentId: z.uuid(),
  excludeIds: excludeIdsSchema,
});

const filterSelectionSchema = z.strictObject({
  type: z.literal('filter'),
  filter: filterSchema,
  excludeIds: excludeIdsSchema,
});

/** Which users a deletion is about; never all of them. */
export const deletionSelectionSchema = z.discriminatedUnion('type', [
  idsSelectionSchema(),
  segmentSelectionSchema,
  filterSelectionSchema,
]);

/** Which users an export holds. */
export const exportSelectionSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('all') }),
  idsSelectionSchema(),
  segmentSelectionSchema,
  filterSelectionSchema,
]);

export type ExportSelection = z.infer<typeof exportSelectionSchema>;

/** As a job keeps it: the segment's filter copied, relative dates made moments, ids kept beside. */
export type FrozenSelection =
  | { type: 'all' }
  | { type: 'ids'; count: number }
  | { type: 'segment'; segmentId: string; filter: FrozenFilter; excludeIds?: string[] }
  | { type: 'filter'; filter: FrozenFilter; excludeIds?: string[] };
