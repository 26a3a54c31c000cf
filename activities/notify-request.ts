import { ApplicationFailure } from '@temporalio/common';
import type { Config } from '../config.ts';
import type { Db } from '../db/client.ts';
import {
  acceptNotice,
  findRequestSubject,
  listOpenNotices,
  planNotices,
  type Audience,
} from '../db/request-notices.ts';
import { findAccepted, listDeciders } from '../db/decisions.ts';
import { deleteAllMail, type DecisionCode, type RequestFacts } from '../mail/delete-all-mails.ts';
import { sendMail } from '../mail/send.ts';
import type { Activities, DecisionKind, RequestNotice } from '../workflows/contract.ts';
import { type CodedKind, decisionCodeOf } from './decision-codes.ts';
import { failures } from './failures.ts';
import type { NotifyJobDeps } from './notify-job.ts';

export interface NotifyRequestDeps extends NotifyJobDeps {
  config: NotifyJobDeps['config'] & Pick<Config, 'deleteAllSignals'>;
}

const audienceOf = (kind: RequestNotice): Audience => {
  if (kind === 'unanswered') return 'platform';
  return kind.startsWith('closing/') ? 'admins' : 'all';
};

/** The decision whose words the mail repeats. */
const TELLING: Partial<Record<RequestNotice, DecisionKind>> = {
  approved: 'approve',
  denied: 'deny',
  revoked: 'revoke',
};

/** What can be decided at the time of a mail, by role. */
const decidableBy = (kind: RequestNotice): Record<'platform' | 'admin', readonly CodedKind[]> => {
  if (kind === 'asked' || kind === 'unanswered') {
    return { platform: ['approve', 'deny'], admin: ['withdraw'] };
  }
  const isOpen = kind === 'approved' || kind.startsWith('closing/');
  return isOpen ? { platform: ['revoke'], admin: ['withdraw'] } : { platform: [], admin: [] };
};

/** The codes that a person's mail gives out; none where signals are switched off. */
const codesFor = async (
  { database: { db }, config }: NotifyRequestDeps,
  { id: requestId, workspace_id: workspaceId }: Subject,
  kind: RequestNotice,
): Promise<(person: string) => DecisionCode[]> => {
  if (config.deleteAllSignals === 'off') return () => [];
  const decidable = decidableBy(kind);
  const people = {
    platform: await listDeciders(db, 'platform', workspaceId),
    admin: await listDeciders(db, 'admin', workspaceId),
  };
  return (person) =>
    (['platform', 'admin'] as const)
      .filter((role) => people[role].some((decider) => decider.person === person))
      .flatMap((role) => decidable[role])
      .map((decided) => ({
        kind: decided,
        code: decisionCodeOf(config.linkSecret, { requestId, kind: decided, person }),
      }));
};

type Subject = NonNullable<Awaited<ReturnType<typeof findRequestSubject>>>;

const endOf = ({ state, job_id, job_counts }: Subject, kind: RequestNotice) => {
  if (kind !== 'ended' || job_id === null) return null;
  const { selected = 0, deleted = 0 } = (job_counts ?? {}) as Record<string, number>;
  return { state, jobId: job_id, selected, deleted };
};

const factsOf = async (
  db: Db,
  { config: { publicUrl } }: Pick<NotifyJobDeps, 'config'>,
  subject: Subject,
  kind: RequestNotice,
): Promise<RequestFacts> => {
  const telling = TELLING[kind];
  const decision = telling && (await findAccepted(db, subject.id, telling));
  const end = endOf(subject, kind);
  return {
    requestId: subject.id,
    workspaceName: subject.workspace_name,
    reason: subject.reason,
    ticket: subject.ticket,
    usersThen: subject.users_then,
    lapsesAt: subject.lapses_at ?? subject.created_at,
    closesAt: subject.closes_at,
    words: decision?.reason ?? null,
    hasRun: subject.job_id !== null,
    end,
    requestUrl: `${publicUrl}/v1/delete-all-requests/${subject.id}`,
    jobUrl: end === null ? null : `${publicUrl}/v1/jobs/${end.jobId}`,
  };
};

/** A try again may help some; only when it can help nobody is the failure final. */
const worstOf = (troubles: readonly unknown[]): unknown =>
  troubles.find((trouble) => !(trouble instanceof ApplicationFailure && trouble.nonRetryable)) ??
  troubles[0];

/**
 * Mails everyone who is to hear of it, one mail a person however many keys they hold. Who was accepted
 * is not mailed again, and one address that cannot be reached keeps no other waiting.
 */
export const createNotifyRequest =
  (deps: NotifyRequestDeps): Activities['notifyRequest'] =>
  async ({ requestId, kind }) => {
    const { db } = deps.database;
    const subject = await findRequestSubject(db, requestId);
    if (subject === undefined) throw failures.requestUnknown(requestId);
    const workspaceId = subject.workspace_id;
    await planNotices(db, { requestId, workspaceId, kind, audience: audienceOf(kind) });
    const facts = await factsOf(db, deps, subject, kind);
    const codesOf = await codesFor(deps, subject, kind);
    const troubles: unknown[] = [];
    for (const notice of await listOpenNotices(db, requestId, kind)) {
      try {
        const message = deleteAllMail(facts, kind, codesOf(notice.person));
        const providerId = await sendMail(deps.mailer, message, {
          to: notice.address,
          from: deps.config.mailFrom,
          idempotencyKey: notice.id,
          ...(deps.deadlineMs !== undefined && { deadlineMs: deps.deadlineMs }),
        });
        await acceptNotice(db, notice.id, providerId);
      } catch (error) {
        troubles.push(error);
      }
    }
    if (troubles.length > 0) throw worstOf(troubles);
  };
