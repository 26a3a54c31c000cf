import { ApplicationFailure } from '@temporalio/common';
import type { Config } from '../../config.ts';
import type { Database } from '../../db/client.ts';
import { type MailOutcome, type MailTable, recordMailTry } from '../../db/mails/mail-tries.ts';
import type { Message } from '../../mail/letter.ts';
import { type Mailer, type Sent, sendMail } from '../../mail/send.ts';
import type { MailKind, MailMeter } from '../meter.ts';

export interface MailDeps {
  database: Database;
  config: Pick<Config, 'publicUrl' | 'linkSecret' | 'mailFrom'>;
  mailer: Mailer;
  mailMeter: MailMeter;
  /** For one try; 10 seconds when not given. */
  deadlineMs?: number;
}

/** A mail as it is written down, and under which key the provider knows it. */
export interface NotedMail {
  table: MailTable;
  id: string;
  kind: MailKind;
  to: string;
  idempotencyKey: string;
}

/**
 * Thrown where a mail is to be tried again; after so many milliseconds, where the provider asked
 * for that.
 */
export const mailUnavailable = (reason: string, waitMs?: number): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'MailUnavailable',
    message: `The mail provider did not accept the mail (${reason}). The mail will be sent again.`,
    ...(waitMs !== undefined && { nextRetryDelay: waitMs }),
  });

/** The provider forgets a key after a day: another try under it might send the mail twice. */
export const mailGivenUp = (): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    'The mail provider did not accept the mail within a day. Request the mail again.',
    'MailGivenUp',
  );

/** The provider still asked to be left alone. */
export const mailTooEarly = (waitMs: number): ApplicationFailure =>
  mailUnavailable('the provider asked to wait', waitMs);

/** The failure of a mail that was not accepted; undefined of one that was. */
export const mailFailureOf = (sent: Sent): ApplicationFailure | undefined => {
  if (sent.state === 'accepted') return undefined;
  if (sent.state === 'waiting') return mailUnavailable(sent.reason, sent.waitMs);
  return ApplicationFailure.nonRetryable(
    `The mail provider refused the mail (${sent.reason}). Check RESEND_API_KEY, MAIL_FROM and the address ` +
      'of the key of the recipient.',
    'MailRefused',
  );
};

/** Writes down what a try came to, and counts it. */
export const noteMail = async (
  { database, mailMeter }: Pick<MailDeps, 'database' | 'mailMeter'>,
  { table, id, kind }: Pick<NotedMail, 'table' | 'id' | 'kind'>,
  outcome: MailOutcome,
): Promise<void> => {
  mailMeter(kind, outcome.state);
  await recordMailTry(database.db, table, id, outcome);
};

/**
 * Hands a mail to the provider once, writes down what came of it, and counts it. A worker that dies
 * in between sends it again under the same key, and the provider takes it once.
 */
export const tryMail = async (deps: MailDeps, mail: NotedMail, message: Message): Promise<Sent> => {
  const sent = await sendMail(deps.mailer, message, {
    to: mail.to,
    from: deps.config.mailFrom,
    idempotencyKey: mail.idempotencyKey,
    ...(deps.deadlineMs !== undefined && { deadlineMs: deps.deadlineMs }),
  });
  await noteMail(deps, mail, sent);
  return sent;
};
