import { ApplicationFailure } from '@temporalio/common';
import type { Config } from '../../config.ts';
import {
  findRequestSubject,
  listOpenNotices,
  planNotices,
  type Audience,
} from '../../db/mails/request-notices.ts';
import { findAccepted, listDeciders } from '../../db/delete-all/decisions.ts';
import { deleteAllMail, type Decidable, type RequestFacts } from '../../mail/delete-all-mails.ts';
import type { Message } from '../../mail/letter.ts';
import { type Activities } from '../../workflows/contracts/activities.ts';
import {
  type DecisionKind,
  noticeOf,
  type RequestNotice,
} from '../../workflows/contracts/delete-all.ts';
import { type CodedKind, decisionCodeOf } from '../delete-all/decision-codes.ts';
import { failures } from '../failures.ts';
import type { MailKind } from '../meter.ts';
import { isNoticeDue } from './due-notices.ts';
import { pageLinkOf } from './page-links.ts';
import { type MailDeps, mailFailureOf, mailTooEarly, tryMail } from './try-mail.ts';

export interface NotifyRequestDeps extends MailDeps {
  config: MailDeps['config'] & Pick<Config, 'deleteAllSignals'>;
}

/** The decision whose reason the mail quotes. */
const REPORTED_DECISIONS: Partial<Record<RequestNotice, DecisionKind>> = {
  approved: 'approve',
  denied: 'deny',
  revoked: 'revoke',
};

type Subject = NonNullable<Awaited<ReturnType<typeof findRequestSubject>>>;

type OpenNotice = Awaited<ReturnType<typeof listOpenNotices>>[number];

/**
 * Mails all recipients of a notice: one mail per person and round, even if the person has several
 * keys. A mail that was accepted or refused is not sent again. An address that fails does not block
 * the others. A notice that is not due is not sent.
 *
 * @throws requestUnknown, MailUnavailable, MailRefused
 */
export const createNotifyRequest =
  (deps: NotifyRequestDeps, timeOf: () => number = Date.now): Activities['notifyRequest'] =>
  async ({ requestId, kind, round = 1 }) => {
    const { db } = deps.database;
    const subject = await findRequestSubject(db, requestId);
    if (subject === undefined) throw failures.requestUnknown(requestId);
    if (!(await isDue(deps, subject, { kind, round, now: timeOf() }))) return;
    const workspaceId = subject.workspace_id;
    const audience = audienceOf(kind);
    await planNotices(db, { requestId, workspaceId, kind, round, audience });
    const notices = await listOpenNotices(db, { requestId, kind, round });
    const waitMs = waitOf(notices);
    if (waitMs > 0) throw mailTooEarly(waitMs);
    const factsFor = await factsOf(deps, subject, kind);
    const decidableFor = await decidableOf(deps, subject, kind);
    const troubles = await tryAll(deps, notices, kind, (notice) =>
      deleteAllMail(factsFor(notice), kind, decidableFor(notice.person)),
    );
    if (troubles.length > 0) throw worstOf(troubles);
  };

/** A further round is due only if it reports the present state. */
const isDue = async (
  { database: { db } }: NotifyRequestDeps,
  subject: Subject,
  { kind, round, now }: { kind: RequestNotice; round: number; now: number },
): Promise<boolean> =>
  round === 1 ? isNoticeDue(db, now, subject, kind) : kind === noticeOf(subject.state);

const audienceOf = (kind: RequestNotice): Audience => {
  if (kind === 'unanswered') return 'platform';
  return isClosing(kind) ? 'admins' : 'all';
};

const isClosing = (kind: RequestNotice): kind is `closing/${number}` => kind.startsWith('closing/');

/** How long the provider asked us to wait, in milliseconds. It applies to all mails. */
const waitOf = (notices: readonly OpenNotice[]): number =>
  Math.max(0, ...notices.map(({ wait_ms: waitMs }) => waitMs));

/** The facts for the mails of one kind. Each mail has its own link. */
const factsOf = async (
  { database: { db }, config }: NotifyRequestDeps,
  subject: Subject,
  kind: RequestNotice,
): Promise<(notice: OpenNotice) => RequestFacts> => {
  const reported = REPORTED_DECISIONS[kind];
  const decision = reported && (await findAccepted(db, subject.id, reported));
  return (notice) => ({
    requestId: subject.id,
    workspaceName: subject.workspace_name,
    asker: { role: subject.requester_role, name: subject.requester_name },
    reason: subject.reason,
    ticket: subject.ticket,
    usersThen: subject.users_then,
    lapsesAt: subject.lapses_at ?? subject.created_at,
    closesAt: subject.closes_at,
    windowMs: subject.window_ms,
    words: decision?.reason ?? null,
    hasRun: subject.job_id !== null,
    end: endOf(subject, kind),
    apiUrl: config.publicUrl,
    request: pageLinkOf(config, 'request', notice),
  });
};

const endOf = ({ state, job_id, job_counts }: Subject, kind: RequestNotice) => {
  if (kind !== 'ended' || job_id === null) return null;
  const { selected = 0, deleted = 0 } = (job_counts ?? {}) as Record<string, number>;
  return { state, jobId: job_id, selected, deleted };
};

/**
 * The decisions a person can make, with their codes. There are no codes if signals are switched
 * off.
 */
const decidableOf = async (
  { database: { db }, config }: NotifyRequestDeps,
  { id: requestId, workspace_id: workspaceId }: Subject,
  kind: RequestNotice,
): Promise<(person: string) => Decidable[]> => {
  const decidable = decidableBy(kind);
  const people = {
    platform: await listDeciders(db, 'platform', workspaceId),
    admin: await listDeciders(db, 'admin', workspaceId),
  };
  const codeOf = (decided: CodedKind, person: string) =>
    config.deleteAllSignals === 'off'
      ? {}
      : { code: decisionCodeOf(config.linkSecret, { requestId, kind: decided, person }) };
  return (person) =>
    (['platform', 'admin'] as const)
      .filter((role) => people[role].some((decider) => decider.person === person))
      .flatMap((role) => decidable[role])
      .map((decided) => ({ kind: decided, ...codeOf(decided, person) }));
};

/** The decisions that are possible at the time of a mail, by role. */
const decidableBy = (kind: RequestNotice): Record<'platform' | 'admin', readonly CodedKind[]> => {
  if (kind === 'asked' || kind === 'unanswered') {
    return { platform: ['approve', 'deny'], admin: ['withdraw'] };
  }
  const isOpen = kind === 'approved' || isClosing(kind);
  return isOpen ? { platform: ['revoke'], admin: ['withdraw'] } : { platform: [], admin: [] };
};

/**
 * Tries each mail once, and stops if the provider accepts no more for now.
 *
 * @returns the failures; only the last one if it stopped the loop
 */
const tryAll = async (
  deps: NotifyRequestDeps,
  notices: readonly OpenNotice[],
  kind: RequestNotice,
  messageOf: (notice: OpenNotice) => Message,
): Promise<unknown[]> => {
  const troubles: unknown[] = [];
  for (const notice of notices) {
    const mail = {
      table: 'request_notices',
      id: notice.id,
      kind: mailKindOf(kind),
      to: notice.address,
      idempotencyKey: notice.id,
    } as const;
    try {
      const sent = await tryMail(deps, mail, messageOf(notice));
      const failure = mailFailureOf(sent);
      if (sent.state === 'waiting' && sent.isLimited) return [failure];
      if (failure !== undefined) troubles.push(failure);
    } catch (error) {
      troubles.push(error);
    }
  }
  return troubles;
};

const mailKindOf = (kind: RequestNotice): MailKind => (isClosing(kind) ? 'closing' : kind);

/** If a retry can help any of the mails, the failure must be retryable. */
const worstOf = (troubles: readonly unknown[]): unknown =>
  troubles.find((trouble) => !(trouble instanceof ApplicationFailure && trouble.nonRetryable)) ??
  troubles[0];
