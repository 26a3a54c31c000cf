import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import {
  MAX_MERGED_USERS,
  type MergeOptions,
  type MergeOutcome,
  mergeUsers,
  type Refused,
} from '../../db/users/user-merge.ts';
import type { UserChange } from '../../db/users/user-writes.ts';
import type { Actor } from '../actor.ts';
import { type InputError, invalidRequest, problem } from '../http/problems.ts';
import { readUser, userInputSchema } from './user-input.ts';

export const mergeBodySchema = z
  .union([userInputSchema, z.array(userInputSchema).min(1).max(MAX_MERGED_USERS)])
  .meta({
    examples: [
      [
        // Ids that no demo user has, so that the example changes no existing user.
        {
          userId: 'example-1',
          email: 'ada@example.com',
          tags: ['beta'],
          properties: { plan: 'pro' },
        },
        { userId: 'example-2', email: null },
      ],
    ],
  });

export const mergeResultSchema = z.object({
  data: z
    .array(
      z.object({
        userId: z.string(),
        outcome: z.enum(['created', 'updated', 'failed']),
        error: z.object({ detail: z.string(), pointer: z.string() }).optional(),
      }),
    )
    .describe('In the given order'),
});

type MergeResult = z.infer<typeof mergeResultSchema>['data'][number];

const HOLD_IS_FOR_PLATFORM = 'can be cleared by the platform team only';

type Entry = { userId: string; at: string } & ({ change: UserChange } | { error: InputError });

/** @throws ProblemError if the single user of a request may not or cannot be written */
export const requireWritten = (outcome: MergeOutcome | undefined): void => {
  if (outcome === 'held') throw holdForbidden();
  if (typeof outcome === 'object') throw userRefused(outcome);
};

export const mergeOptionsFor = (
  { id, role }: Pick<Actor, 'id' | 'role'>,
  mayCreate: boolean,
): MergeOptions => ({
  actorKeyId: id,
  mayCreate,
  mayClearHold: role === 'platform',
});

/**
 * Merges users. In a list, a user that cannot be merged does not block others.
 *
 * @throws ProblemError if a single user is malformed or rejected
 */
export const mergeGiven = async (
  db: Db,
  workspaceId: string,
  body: z.infer<typeof mergeBodySchema>,
  options: MergeOptions,
): Promise<MergeResult[]> => {
  const types = await propertyTypesOf(db, workspaceId);
  const entries = [body].flat().map(({ userId, ...given }, index): Entry => {
    const at = Array.isArray(body) ? `/${index}` : '';
    const read = readUser(given, types);
    if ('change' in read) return { userId, at, change: { userId, ...read.change } };
    if (!Array.isArray(body)) throw invalidRequest(read.errors, read.count);
    const [first = { detail: 'is wrong', pointer: '' }] = read.errors;
    return { userId, at, error: { ...first, pointer: `${at}${first.pointer}` } };
  });
  const changes = entries.flatMap((entry) => ('change' in entry ? [entry.change] : []));
  const merged = await mergeUsers(db, workspaceId, changes, options);
  if (!Array.isArray(body)) requireWritten(merged[0]);
  const outcomes = merged.values();
  return entries.map((entry): MergeResult => {
    const { userId, at } = entry;
    if ('error' in entry) return { userId, outcome: 'failed', error: entry.error };
    return toResult(userId, outcomes.next().value ?? 'notFound', at);
  });
};

/** The detail for a request with a single user. */
const holdForbidden = () =>
  problem('forbidden', 'Only a key with the role platform can clear a hold.', {
    errors: [{ detail: HOLD_IS_FOR_PLATFORM, pointer: '/legalHold' }],
  });

/** The detail for a request with a single user. */
const userRefused = ({ refused }: Refused) =>
  problem('unprocessable', `The user was not written: ${refused}.`, {
    errors: [{ detail: refused, pointer: '' }],
  });

const toResult = (userId: string, outcome: MergeOutcome, at: string): MergeResult => {
  if (typeof outcome === 'object') return failed(userId, outcome.refused, at);
  switch (outcome) {
    case 'created':
    case 'updated':
      return { userId, outcome };
    case 'held':
      return failed(userId, HOLD_IS_FOR_PLATFORM, `${at}/legalHold`);
    case 'notFound':
      return failed(userId, 'is not a user of this workspace', `${at}/userId`);
  }
};

const failed = (userId: string, detail: string, pointer: string): MergeResult => ({
  userId,
  outcome: 'failed',
  error: { detail, pointer },
});
