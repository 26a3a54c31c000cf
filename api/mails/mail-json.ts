import { z } from 'zod';
import type { MailRow } from '../../db/mails/mail-rounds.ts';
import { MAIL_STATES } from '../../workflows/contracts/mails.ts';

const time = z.string().describe('RFC 3339, UTC');

/** A mail without its recipient and content. */
export const mailSchema = z
  .object({
    kind: z.string().describe('The kind of the mail; `finished` for a job'),
    round: z.int().describe('Increases each time the mail is requested again'),
    state: z
      .enum(MAIL_STATES)
      .describe(
        'accepted: the provider accepted the mail; waiting: the mail is tried or retried; refused: the mail is not retried; ' +
          'givenUp: the provider did not accept the mail within 24 hours',
      ),
    since: time,
    attempts: z.int(),
    reason: z
      .string()
      .nullable()
      .describe(
        "Why the mail is not accepted: the provider's error and status, or an error of Keepsake",
      ),
    waitsUntil: time.nullable().describe('The provider asked to wait until then'),
  })
  .meta({ id: 'Mail' });

/** A mail about a request, which is sent to several people. */
export const requestMailSchema = mailSchema
  .extend({
    keyId: z
      .uuid()
      .nullable()
      .describe('The oldest key of the recipient; null until the recipient is known'),
  })
  .meta({ id: 'DeleteAllMail' });

export const toMailJson = (mail: MailRow): z.infer<typeof mailSchema> => ({
  kind: mail.kind,
  round: mail.round,
  state: mail.state,
  since: mail.since.toISOString(),
  attempts: mail.attempts,
  reason: mail.reason,
  waitsUntil: mail.waitsUntil?.toISOString() ?? null,
});

export const toRequestMailJson = (mail: MailRow): z.infer<typeof requestMailSchema> => ({
  ...toMailJson(mail),
  keyId: mail.keyId,
});
