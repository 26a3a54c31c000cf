import type { FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import {
  findRoundByKey,
  insertRound,
  type MailRow,
  type MailSubject,
} from '../../db/mails/mail-rounds.ts';
import type { StartableMail } from '../../temporal/start-mail.ts';
import type { ApiDeps } from '../deps.ts';
import { findEarlier, readIdempotency } from '../http/idempotency.ts';
import { problem } from '../http/problems.ts';

/**
 * An accepted mail that is requested again so soon is not sent again: it was a double click.
 */
const DOUBLE_CLICK_SECONDS = 30;
/** Maximum number of times that a mail may be sent, to protect inboxes. */
const MAX_ROUNDS = 20;

type Deps = Pick<ApiDeps, 'database' | 'jobs'>;

/** A mail to send again. */
export interface Resending {
  subject: MailSubject;
  /** For messages, such as `job 0193…`. */
  name: string;
  kind: string;
  workspaceId: string;
  /** The mails of that kind so far. */
  mails: readonly MailRow[];
  inputOf: (round: number) => StartableMail['input'];
}

/**
 * Sends the mail of a subject again: with the current round, or with a new round. A second click,
 * or the same idempotency key, finds the round of the first request.
 *
 * @throws ProblemError if the mail was sent too often, or Temporal is not available
 */
export const sendMailAgain = async (
  request: FastifyRequest,
  deps: Deps,
  resending: Resending,
): Promise<void> => {
  const { subject, kind, name, workspaceId, inputOf } = resending;
  const idempotency = readIdempotency(request);
  const earlier = await findEarlier(idempotency, {
    find: (key) => findRoundByKey(deps.database.db, subject, key),
    usedFor: () => 'another request for the same mail',
  });
  const { round, isNew } = earlier ? { ...earlier, isNew: false } : roundOf(resending);
  // Of two concurrent requests, the second writes nothing and starts the round of the first.
  if (isNew) {
    const wanted = { id: uuidv7(), subject, kind, round, askedBy: request.actor.id, idempotency };
    await insertRound(deps.database.db, wanted);
  }
  try {
    await deps.jobs.startMail({ input: inputOf(round), workspaceId });
  } catch (cause) {
    throw problem(
      'temporal-unavailable',
      `The mail about ${name} was stored but not started. Send the same request again to start it.`,
      { cause },
    );
  }
};

/** The current round, or a round that was requested just now; otherwise the next round. */
const roundOf = ({ mails, name }: Resending): { round: number; isNew: boolean } => {
  const last = Math.max(0, ...mails.map(({ round }) => round));
  const latest = mails.filter(({ round }) => round === last);
  const isUnderWay = latest.some(({ state }) => state === 'waiting');
  const isJustSent =
    latest.length > 0 &&
    latest.every(
      ({ state, askedSeconds }) =>
        state === 'accepted' && askedSeconds !== null && askedSeconds < DOUBLE_CLICK_SECONDS,
    );
  if (isUnderWay || isJustSent) return { round: last, isNew: false };
  if (last >= MAX_ROUNDS) {
    throw problem(
      'limit-reached',
      `The mail about ${name} was already sent ${MAX_ROUNDS} times, which is the maximum.`,
    );
  }
  return { round: last + 1, isNew: true };
};
