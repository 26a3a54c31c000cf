import { createHash } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { Db } from '../../db/client.ts';
import { createLink } from '../../db/exports/download-links.ts';
import { jobSummary, type JobExport } from '../../db/jobs/job-summary.ts';
import { findNoticeSubject, type NoticeSubject, openNotice } from '../../db/mails/notices.ts';
import { listCleared, listProblems } from '../../db/imports/import-tallies.ts';
import { sumImport } from '../../db/imports/imports.ts';
import { countRestore } from '../../db/restores/restores.ts';
import { mayRetryAfter } from '../../db/jobs/retries.ts';
import type { ImportOptions } from '../../imports/options.ts';
import { deletionFinished } from '../../mail/deletion-mail.ts';
import { exportFailed, exportReady } from '../../mail/export-mails.ts';
import { importFinished } from '../../mail/import-mail.ts';
import type { MailLink, Message } from '../../mail/letter.ts';
import { restoreFinished } from '../../mail/restore-mail.ts';
import { createLinkToken } from '../../files/link-token.ts';
import {
  closeDeletion,
  closeExport,
  closeImport,
  closeRestore,
  type SummedCounts,
  sumOfDeletion,
  withUnreached,
} from '../../rules/job-sums.ts';
import { MAX_LINK_HOURS } from '../../rules/retention.ts';
import type { Activities } from '../../workflows/contracts/activities.ts';
import type { JobEnd, RestoreCounts } from '../../workflows/contracts/jobs.ts';
import { JOB_MAIL, JOB_NOT_ENDED } from '../../workflows/contracts/mails.ts';
import { pageLinkOf } from './page-links.ts';
import {
  type MailDeps,
  mailFailureOf,
  mailTooEarly,
  noteMail,
  tryMail,
  mailGivenUp,
} from './try-mail.ts';

/** The input of a mail: the job, how it ended, and the links of this mail. */
interface Notice {
  subject: NoticeSubject;
  end: JobEnd;
  round: number;
  job: MailLink;
  log: MailLink;
}

/** The type of a failure for a mail without a subject, for example if the file has expired. */
const NOTHING_TO_TELL = 'nothingToTell';
const nothingToReport = (message: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(message, NOTHING_TO_TELL);

/** The mail must wait until the end of the job is stored. */
const notEnded = (jobId: string): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`Job ${jobId} has not ended.`, JOB_NOT_ENDED);

/**
 * How the job ended, for its mail. Before the end is stored, only a good end may be reported: what
 * the sums refuse now, they may accept once the last step has ended.
 *
 * @throws notEnded
 */
const judged = ({ subject, end }: Notice, close: (end: JobEnd) => JobEnd): JobEnd => {
  if (subject.finished_at !== null) return end;
  const closed = close(end);
  if (closed.kind !== 'completed') throw notEnded(subject.id);
  return closed;
};

/** The end of a job as its mail reports it: with the type of an error, without its message. */
const reportedEnd = (end: JobEnd) =>
  end.kind === 'failed' ? { kind: end.kind, errorType: end.type } : end;

/** An export with the facts that are known once it is verified. */
type Verified = JobExport & { rows: number; bytes: number; sha256: string };

const isVerified = (file: JobExport): file is Verified =>
  file.state === 'verified' && file.rows !== null && file.bytes !== null && file.sha256 !== null;

/**
 * The id of the link in a mail: a UUID (version 8) made from the export and the round. So a mail
 * that is retried carries the same link. A new round has a new link, because the first may have
 * expired.
 */
const mailLinkId = (exportId: string, round: number): string => {
  const words = [`keepsake mail link`, exportId, ...(round === 1 ? [] : [round])].join('\n');
  const hash = createHash('sha256').update(words).digest('hex');
  return hash.replace(
    /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
    (_, a, b, c, d, e) => `${a}-${b}-8${c}-8${d}-${e}`,
  );
};

/** A file with a link to it. Undefined if the file expired before the mail. */
const withLink = async (db: Db, deps: MailDeps, { subject, round }: Notice, file: Verified) => {
  const link = await createLink(db, {
    id: mailLinkId(file.id, round),
    exportId: file.id,
    createdBy: subject.actor_key_id,
    hours: MAX_LINK_HOURS,
  });
  if (link === undefined) return undefined;
  const token = createLinkToken(link.id, deps.config.linkSecret);
  return {
    ...file,
    linkUrl: `${deps.config.publicUrl}/d/${token}`,
    linkExpiresAt: link.expiresAt,
  };
};

const ofExport = async (deps: MailDeps, notice: Notice): Promise<Message> => {
  const { subject, job } = notice;
  const { db } = deps.database;
  const { exports } = await jobSummary(db, subject.id);
  const end = judged(notice, (reported) => closeExport(exports, reported));
  const ids = { jobId: subject.id, workspaceName: subject.workspace_name };
  if (end.kind === 'cancelled') return exportFailed({ ...ids, job });
  if (end.kind === 'failed') return exportFailed({ ...ids, job, errorType: end.type });
  const verified = exports.find(isVerified);
  const file = verified && (await withLink(db, deps, notice, verified));
  if (file === undefined) {
    throw nothingToReport(`Export job ${subject.id} has no verified file.`);
  }
  return exportReady({ ...ids, ...file, fileExpiresAt: file.expires_at });
};

const ofDeletion = async (deps: MailDeps, notice: Notice): Promise<Message> => {
  const { subject, job, log } = notice;
  const { db } = deps.database;
  const summary = await jobSummary(db, subject.id);
  const selection = subject.selection as { type: string };
  const end = judged(notice, (reported) => closeDeletion(summary.counts, reported, selection));
  const files = summary.counts.deleted > 0 ? summary.exports.filter(isVerified) : [];
  const linked = await Promise.all(files.map((file) => withLink(db, deps, notice, file)));
  const backups = linked.filter((file) => file !== undefined);
  const firstToGo = Math.min(...backups.map((file) => file.expires_at.getTime()));
  return deletionFinished({
    jobId: subject.id,
    workspaceName: subject.workspace_name,
    end: reportedEnd(end),
    counts: {
      ...withUnreached(summary.counts, end),
      ...(subject.counts as Partial<SummedCounts> | null),
    },
    backups,
    restoreUntil: backups.length > 0 ? new Date(firstToGo) : null,
    // Must be decided before users that cannot be named are added to the counts.
    log: sumOfDeletion(summary.counts) > 0 ? log : null,
    job,
  });
};

const ofRestore = async (deps: MailDeps, notice: Notice): Promise<Message> => {
  const { subject, job, log } = notice;
  const counts = await countRestore(deps.database.db, subject.id);
  const end = judged(notice, (reported) => closeRestore(counts, reported));
  return restoreFinished({
    jobId: subject.id,
    workspaceName: subject.workspace_name,
    backupId: subject.backup_id ?? '',
    end: reportedEnd(end),
    // Users whose outcomes could not be stored are in the stored counts only.
    counts: { ...counts, ...(subject.counts as Partial<RestoreCounts> | null) },
    log,
    job,
  });
};

const ofImport = async (deps: MailDeps, notice: Notice): Promise<Message> => {
  const { subject, job, log } = notice;
  const { dryRun, mode } = subject.options as ImportOptions;
  const sum = await sumImport(deps.database.db, subject.id);
  const end = judged(notice, (reported) => closeImport(sum, reported));
  return importFinished({
    jobId: subject.id,
    workspaceName: subject.workspace_name,
    mode,
    dryRun,
    end:
      end.kind === 'failed'
        ? { kind: 'failed', errorType: end.type, mayRetry: mayRetryAfter(end.type) }
        : end,
    counts: sum.counts,
    problems: (await listProblems(deps.database.db, [subject.id])).get(subject.id) ?? [],
    cleared: (await listCleared(deps.database.db, [subject.id])).get(subject.id) ?? [],
    log,
    job,
  });
};

const COMPOSERS = {
  export: ofExport,
  import: ofImport,
  deletion: ofDeletion,
  restore: ofRestore,
};

/**
 * Mails the owner of the key that started a job how the job ended. The job's row must say so; only
 * a completed job whose sums close may be mailed about just before that. A mail that the provider
 * accepted is not sent again. A second attempt has the same key, links and content.
 *
 * @throws notEnded, nothingToTell, MailUnavailable, MailRefused, MailGivenUp
 */
export const createNotifyJob =
  (deps: MailDeps): Activities['notifyJob'] =>
  async ({ jobId, end }) => {
    const subject = await getSubject(deps, jobId);
    const reported = storedEnd(subject) ?? (isReportedThrough(subject, end) ? end : undefined);
    if (reported === undefined) throw notEnded(jobId);
    await notify(deps, { subject, end: reported, round: 1 });
  };

/** Mails the end of a job again, on request; once per round. */
export const createNotifyJobAgain =
  (deps: MailDeps): Activities['notifyJobAgain'] =>
  async ({ jobId, round }) => {
    const subject = await getSubject(deps, jobId);
    const end = storedEnd(subject);
    if (end === undefined) throw notEnded(jobId);
    await notify(deps, { subject, end, round });
  };

const getSubject = async ({ database }: MailDeps, jobId: string): Promise<NoticeSubject> => {
  const subject = await findNoticeSubject(database.db, jobId);
  if (subject === undefined) throw nothingToReport(`Job ${jobId} does not exist.`);
  return subject;
};

/** How a job has ended, by its row. Undefined if it has not ended. */
const storedEnd = (subject: NoticeSubject): JobEnd | undefined => {
  const { state, finished_at: finishedAt, error_type: type, error_message: message } = subject;
  if (finishedAt === null) return undefined;
  if (state === 'cancelled') return { kind: 'cancelled' };
  if (state !== 'failed') return { kind: 'completed' };
  return { kind: 'failed', type: type ?? 'unknown', message: message ?? '' };
};

/** Whether all steps of the job are done: its phase says so. Its sums must agree. */
const isReportedThrough = ({ phase }: NoticeSubject, end: JobEnd): boolean =>
  end.kind === 'completed' && phase === 'notifying';

const notify = async (
  deps: MailDeps,
  { subject, end, round }: Pick<Notice, 'subject' | 'end' | 'round'>,
): Promise<void> => {
  const notice = await openNotice(deps.database.db, { jobId: subject.id, round });
  if (notice.state === 'accepted') return;
  if (notice.state === 'givenUp') throw mailGivenUp();
  if (notice.wait_ms > 0) throw mailTooEarly(notice.wait_ms);
  const mail = { table: 'notices', id: notice.id, kind: JOB_MAIL } as const;
  const message = await compose(deps, {
    subject,
    end,
    round,
    job: pageLinkOf(deps.config, 'job', notice),
    log: pageLinkOf(deps.config, 'log', notice),
  });
  if (message instanceof ApplicationFailure) {
    await noteMail(deps, mail, { state: 'refused', reason: NOTHING_TO_TELL });
    throw message;
  }
  const to = subject.owner_email;
  const idempotencyKey = idempotencyKeyOf(subject.id, round);
  const failure = mailFailureOf(await tryMail(deps, { ...mail, to, idempotencyKey }, message));
  if (failure !== undefined) throw failure;
};

/** @returns the mail, or the failure if the mail has no subject */
const compose = async (deps: MailDeps, notice: Notice): Promise<Message | ApplicationFailure> => {
  try {
    return await COMPOSERS[notice.subject.type](deps, notice);
  } catch (error) {
    if (error instanceof ApplicationFailure && error.type === NOTHING_TO_TELL) return error;
    throw error;
  }
};

/** The first round has no suffix: the provider may know that key from an earlier version. */
const idempotencyKeyOf = (jobId: string, round: number): string =>
  `${jobId}/${JOB_MAIL}${round === 1 ? '' : `/${round}`}`;
