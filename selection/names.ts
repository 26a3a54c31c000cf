import { z } from 'zod';

const MAX_NAME_LENGTH = 255;

/** A name that people give. One line, because mails have names in their subjects. */
export const nameSchema = z
  .string()
  .max(MAX_NAME_LENGTH, `is longer than ${MAX_NAME_LENGTH} characters`)
  .regex(/\S/, 'is empty')
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'holds a line break or another control character');
