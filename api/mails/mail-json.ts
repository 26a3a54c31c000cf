import { z } from 'zod';
import type { MailRow } from '../../db/mails/mail-rounds.ts';
import { MAIL_STATES } from '../../workflows/mail-contract.ts';

const time = z.string().describe('RFC 3339, UTC');

/** A mail, without whom it goes to and what it says. */
export const mailSchema = z
  .object({
    kind: z.string().describe('What it is about; `finished` of a job'),
    round: z.int().describe('Grows with each time it is asked for again'),
    state: z
      .enum(MAIL_STATES)
      .describe(
        'accepted: the provider has it; waiting: it is tried, or tried again; refused: it is not tried again; ' +
          'givenUp: nobody took it within 24 hours',
      ),
    since: time,
    attempts: z.int(),
    reason: z
      .string()
      .nullable()
      .describe("Why it is not accepted: the provider's word and status, or our own"),
    waitsUntil: time.nullable().describe('The provider asked to be left alone until then'),
  })
  .meta({ id: 'Mail' });

/** A mail about a request, which goes to several people. */
export const requestMailSchema = mailSchema
  .extend({
    keyId: z
      .uuid()
      .nullable()
      .describe('The oldest key of whom it goes to; null while that is not settled'),
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
