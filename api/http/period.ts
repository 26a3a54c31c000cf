import { z } from 'zod';
import { DATETIME_RULE, dateTimeOf } from '../../selection/date-times.ts';
import { invalidRequest } from './problems.ts';

/** A timestamp as PostgreSQL reads it, in UTC with all its digits. */
const timestampSchema = z.string().transform((text, context) => {
  const timestamp = dateTimeOf(text, 'datetime');
  if (timestamp !== undefined) return timestamp;
  context.addIssue({ code: 'custom', message: DATETIME_RULE });
  return z.NEVER;
});

const boundSchema = (text: string) =>
  timestampSchema.meta({ format: 'date-time' }).optional().describe(text);

/** `?from=` and `?to=` of a list that is ordered by time; `requireOrder` compares the two. */
export const periodShape = {
  from: boundSchema('Items at or after this time'),
  to: boundSchema('Items before this time'),
};

/** @throws ProblemError if `to` is not later than `from` */
export const requireOrder = ({
  from,
  to,
}: {
  from?: string | undefined;
  to?: string | undefined;
}) => {
  if (from !== undefined && to !== undefined && from >= to) {
    throw invalidRequest([{ detail: 'must be later than from', pointer: '?to' }]);
  }
};

/** `?actorKeyId=` and `?personKeyId=` of a list of actions by keys. */
export const actorShape = {
  actorKeyId: z.uuid().optional().describe('Id of a key: only actions of this key'),
  personKeyId: z.uuid().optional().describe('Id of a key: actions of all keys of its owner'),
};
