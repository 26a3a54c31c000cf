import { z } from 'zod';
import { momentOf } from '../../selection/moments.ts';
import { invalidRequest } from './problems.ts';

/** A moment as PostgreSQL reads it, in UTC with all its digits. */
const momentSchema = z.string().transform((text, context) => {
  const moment = momentOf(text, 'datetime');
  if (moment !== undefined) return moment;
  context.addIssue({ code: 'custom', message: 'is not an RFC 3339 date and time' });
  return z.NEVER;
});

const boundSchema = (text: string) =>
  momentSchema.meta({ format: 'date-time' }).optional().describe(text);

/** `?from=` and `?to=` of a list in the order of time; `requireOrder` looks at both together. */
export const periodShape = {
  from: boundSchema('Not before this'),
  to: boundSchema('Before this'),
};

/** @throws ProblemError when nothing can lie in the period */
export const requireOrder = ({
  from,
  to,
}: {
  from?: string | undefined;
  to?: string | undefined;
}) => {
  if (from !== undefined && to !== undefined && from >= to) {
    throw invalidRequest([{ detail: 'is not later than from', pointer: '?to' }]);
  }
};

/** `?actorKeyId=` and `?personKeyId=` of a list of what keys have done. */
export const actorShape = {
  actorKeyId: z.uuid().optional().describe('A key: what it did'),
  personKeyId: z.uuid().optional().describe('A key: all that any key of its owner did'),
};
