import { z } from 'zod';
import { MAX_REASON_LENGTH } from '../../workflows/contracts/jobs.ts';

/** The reason of a deletion. People read it later, so it must not be blank. */
export const reasonSchema = z.string().max(MAX_REASON_LENGTH).regex(/\S/, 'must not be empty');
