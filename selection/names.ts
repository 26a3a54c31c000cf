import { z } from 'zod';

const MAX_NAME_LENGTH = 255;

/** A name that people give. One line, because mails have names in their subjects. */
export const nameSchema = z
  .string()
  .max(MAX_NAME_LENGTH, `must have at most ${MAX_NAME_LENGTH} characters`)
  .regex(/\S/, 'must not be empty')
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'must not have a line break or another control character');
