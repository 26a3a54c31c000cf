import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { sendJson } from '../http/send-json.ts';
import { userSchema } from '../users/user-json.ts';

export const previewSchema = z.object({
  id: z.uuid(),
  count: z.int().describe('Number of users that match, including users under hold'),
  held: z.int().describe('Number of these users under hold; they will not be deleted'),
  sample: z.array(userSchema),
  expiresAt: z.string(),
  restorableUntil: z
    .string()
    .describe(
      'If the deletion starts now, its users can be restored until then, or later if the backup is extended',
    ),
});

interface Preview {
  id: string;
  count: number;
  held: number;
  expires_at: Date;
  restorable_until: Date;
  /** Users as JSON text, as PostgreSQL wrote them. */
  sample: readonly string[];
}

/** Sends a new preview; `facts` are the fields of its kind. */
export const sendPreview = (
  reply: FastifyReply,
  { id, count, held, sample, ...times }: Preview,
  facts: object,
): FastifyReply => {
  const { expires_at: expiresAt, restorable_until: restorableUntil } = times;
  const json = JSON.stringify({ id, count, held, ...facts, expiresAt, restorableUntil });
  return sendJson(reply.code(201), `${json.slice(0, -1)},"sample":[${sample.join(',')}]}`);
};
