import { type RawBuilder, sql } from 'kysely';
import { MAIL_LASTS_HOURS, type MailState } from '../../workflows/contracts/mails.ts';
import type { Db } from '../client.ts';

/** The table of a mail: about a job, or about a delete-all request. */
export type MailTable = 'notices' | 'request_notices';

const lifetime = sql`make_interval(hours => ${sql.lit(MAIL_LASTS_HOURS)})`;

/** State of a mail that is neither accepted nor refused, by the time its round began. */
export const openMailState = (begunAt: RawBuilder<unknown>) =>
  sql<MailState>`CASE WHEN ${begunAt} <= now() - ${lifetime} THEN 'givenUp' ELSE 'waiting' END`;

/** The time since which such a mail has been in that state. */
export const openMailSince = (begunAt: RawBuilder<unknown>) =>
  sql<Date>`CASE WHEN ${begunAt} <= now() - ${lifetime} THEN ${begunAt} + ${lifetime} ELSE ${begunAt} END`;

const begun = sql.ref('begun_at');

/** State of a mail, for queries over a table of mails. */
export const mailState = sql<MailState>`CASE
  WHEN accepted_at IS NOT NULL THEN 'accepted'
  WHEN refused_at IS NOT NULL THEN 'refused' ELSE ${openMailState(begun)} END`;

/** The time since which a mail has been in its state. */
export const mailSince = sql<Date>`coalesce(accepted_at, refused_at, ${openMailSince(begun)})`;

/** How long the provider must not be called, in milliseconds; 0 if it may be called now. */
export const mailWaitMs = sql<number>`greatest(0, coalesce(
  ceil(extract(epoch FROM waits_until - now()) * 1000), 0))::float8`;

/** The result of an attempt. `waitMs` is the wait that the provider demanded. */
export type MailOutcome =
  | { state: 'accepted'; providerId: string | null }
  | { state: 'refused'; reason: string }
  | { state: 'waiting'; reason: string; waitMs?: number | undefined };

/** Records an attempt at a mail and its result. A mail that was accepted before is not changed. */
export const recordMailTry = async (
  db: Db,
  table: MailTable,
  id: string,
  outcome: MailOutcome,
): Promise<void> => {
  await sql`
    UPDATE ${sql.table(table)} SET attempts = attempts + 1, ${setOf(outcome)}
     WHERE id = ${id}::uuid AND accepted_at IS NULL`.execute(db);
};

const setOf = (outcome: MailOutcome) => {
  switch (outcome.state) {
    case 'accepted':
      return sql`accepted_at = now(), provider_id = ${outcome.providerId}, refused_at = NULL,
        reason = NULL, waits_until = NULL`;
    case 'refused':
      return sql`refused_at = now(), reason = ${outcome.reason}, waits_until = NULL`;
    case 'waiting':
      return sql`refused_at = NULL, reason = ${outcome.reason},
        waits_until = now() + make_interval(secs => ${outcome.waitMs ?? null}::float8 / 1000)`;
  }
};
