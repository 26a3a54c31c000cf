import { z } from 'zod';

const MAX_NAME_LENGTH = 255;

/** What people call a thing. One line: names stand in mails' subjects. */
export const nameSchema = z
  .string()
  .max(MAX_NAME_LENGTH, `must have at most ${MAX_NAME_LENGTH} characters`)
  .regex(/\S/, 'must not be empty')
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'must not have a line break or another control character');
