import { z } from 'zod';

const MAX_REASON_LENGTH = 1000;

/** Why somebody deletes: read by people later, so blanks alone are none. */
export const reasonSchema = z.string().max(MAX_REASON_LENGTH).regex(/\S/, 'must not be empty');
