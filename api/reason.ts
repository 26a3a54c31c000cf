import { z } from 'zod';

const MAX_REASON_LENGTH = 1000;

/** Why somebody deletes: read by people later, so blanks alone are none. */
export const reasonSchema = z
  .string()
  .min(1, 'is empty')
  .max(MAX_REASON_LENGTH, `is longer than ${MAX_REASON_LENGTH} characters`)
  .regex(/\S/, 'says nothing');
