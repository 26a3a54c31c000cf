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
  /** For one attempt, in milliseconds; 10 seconds by default. */
  deadlineMs?: number;
}

/** A mail as it is stored, with the provider's idempotency key. */
export interface NotedMail {
  table: MailTable;
  id: string;
  kind: MailKind;
  to: string;
  idempotencyKey: string;
}

/**
 * The failure of a mail that is to be retried; after `waitMs` milliseconds if the provider asked
 * for that.
 */
export const mailUnavailable = (reason: string, waitMs?: number): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'MailUnavailable',
    message: `The mail provider did not accept the mail (${reason}). The mail will be sent again.`,
    ...(waitMs !== undefined && { nextRetryDelay: waitMs }),
  });

/**
 * The provider forgets an idempotency key after a day. A later attempt might send the mail twice.
 */
export const mailGivenUp = (): ApplicationFailure =>
  ApplicationFailure.nonRetryable(
    'The mail provider did not accept the mail within a day. Request the mail again.',
    'MailGivenUp',
  );

/** The time that the provider asked to wait is not over. */
export const mailTooEarly = (waitMs: number): ApplicationFailure =>
  mailUnavailable('the provider asked to wait', waitMs);

/** The failure of a mail that was not accepted. Undefined if it was accepted. */
export const mailFailureOf = (sent: Sent): ApplicationFailure | undefined => {
  if (sent.state === 'accepted') return undefined;
  if (sent.state === 'waiting') return mailUnavailable(sent.reason, sent.waitMs);
  return ApplicationFailure.nonRetryable(
    `The mail provider refused the mail (${sent.reason}). Check RESEND_API_KEY, MAIL_FROM and the address ` +
      'of the key of the recipient.',
    'MailRefused',
  );
};

/** Stores and counts the result of an attempt. */
export const noteMail = async (
  { database, mailMeter }: Pick<MailDeps, 'database' | 'mailMeter'>,
  { table, id, kind }: Pick<NotedMail, 'table' | 'id' | 'kind'>,
  outcome: MailOutcome,
): Promise<void> => {
  mailMeter(kind, outcome.state);
  await recordMailTry(database.db, table, id, outcome);
};

/**
 * Sends a mail to the provider once, and stores and counts the result. If the worker dies in
 * between, the mail is sent again under the same key, and the provider accepts it only once.
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
