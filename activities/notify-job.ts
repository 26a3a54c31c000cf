import { createHash } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { Config } from '../config.ts';
import type { Database, Db } from '../db/client.ts';
import { createLink, MAX_LINK_HOURS } from '../db/download-links.ts';
import { closeSums, jobSummary, sumOf, withUnreached, type JobExport } from '../db/job-summary.ts';
import { findNoticeSubject, isNoticed, recordNotice } from '../db/notices.ts';
import { listCleared, listProblems } from '../db/import-tallies.ts';
import { closeImport, sumImport } from '../db/imports.ts';
import { countRestore } from '../db/restores.ts';
import { mayRetryAfter } from '../db/retries.ts';
import type { ImportOptions } from '../imports/options.ts';
import { deletionFinished } from '../mail/deletion-mail.ts';
import { exportFailed, exportReady } from '../mail/export-mails.ts';
import { importFinished } from '../mail/import-mail.ts';
import type { Message } from '../mail/letter.ts';
import { restoreFinished } from '../mail/restore-mail.ts';
import { sendMail, type Mailer } from '../mail/send.ts';
import { createLinkToken } from '../storage/link-token.ts';
import type { Activities, JobEnd } from '../workflows/contract.ts';

export interface NotifyJobDeps {
  database: Database;
  config: Pick<Config, 'publicUrl' | 'linkSecret' | 'mailFrom'>;
  mailer: Mailer;
  /** For one try; 10 seconds when not given. */
  deadlineMs?: number;
}

type NoticeSubject = NonNullable<Awaited<ReturnType<typeof findNoticeSubject>>>;

/** An export with all that verifying it brought. */
type Verified = JobExport & { rows: number; bytes: number; sha256: string };

const isVerified = (file: JobExport): file is Verified =>
  file.state === 'verified' && file.rows !== null && file.bytes !== null && file.sha256 !== null;

/** Always the same for an export, as a UUID (version 8): a mail sent again carries the same link. */
const mailLinkId = (exportId: string): string => {
  const hash = createHash('sha256').update(`keepsake mail link\n${exportId}`).digest('hex');
  return hash.replace(
    /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
    (_, a, b, c, d, e) => `${a}-${b}-8${c}-8${d}-${e}`,
  );
};

/** A file with a link to it; undefined when it has expired before anyone was told. */
const withLink = async (db: Db, deps: NotifyJobDeps, subject: NoticeSubject, file: Verified) => {
  const link = await createLink(db, {
    id: mailLinkId(file.id),
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

const ofExport = async (
  deps: NotifyJobDeps,
  subject: NoticeSubject,
  end: JobEnd,
): Promise<Message> => {
  const { db } = deps.database;
  const ids = { jobId: subject.id, workspaceName: subject.workspace_name };
  const jobUrl = `${deps.config.publicUrl}/v1/jobs/${subject.id}`;
  if (end.kind === 'cancelled') return exportFailed({ ...ids, jobUrl });
  if (end.kind === 'failed') return exportFailed({ ...ids, jobUrl, errorType: end.type });
  const verified = (await jobSummary(db, subject.id)).exports.find(isVerified);
  const file = verified && (await withLink(db, deps, subject, verified));
  if (file === undefined) {
    throw ApplicationFailure.nonRetryable(
      `Export job ${subject.id} has no verified file to tell of.`,
      'nothingToTell',
    );
  }
  return exportReady({ ...ids, ...file, fileExpiresAt: file.expires_at });
};

const ofDeletion = async (
  deps: NotifyJobDeps,
  subject: NoticeSubject,
  end: JobEnd,
): Promise<Message> => {
  const { db } = deps.database;
  const { publicUrl } = deps.config;
  const summary = await jobSummary(db, subject.id);
  const closed = closeSums(summary.counts, end, subject.selection as { type: string });
  const files = summary.counts.deleted > 0 ? summary.exports.filter(isVerified) : [];
  const linked = await Promise.all(files.map((file) => withLink(db, deps, subject, file)));
  const backups = linked.filter((file) => file !== undefined);
  const firstToGo = Math.min(...backups.map((file) => file.expires_at.getTime()));
  return deletionFinished({
    jobId: subject.id,
    workspaceName: subject.workspace_name,
    end: closed.kind === 'failed' ? { kind: 'failed', errorType: closed.type } : closed,
    counts: withUnreached(summary.counts, end),
    backups,
    restoreUntil: backups.length > 0 ? new Date(firstToGo) : null,
    // Before anyone is added whom nobody can name.
    logUrl: sumOf(summary.counts) > 0 ? `${publicUrl}/v1/deletions/${subject.id}/log` : null,
    jobUrl: `${publicUrl}/v1/jobs/${subject.id}`,
  });
};

const ofRestore = async (
  deps: NotifyJobDeps,
  subject: NoticeSubject,
  end: JobEnd,
): Promise<Message> => {
  const { publicUrl } = deps.config;
  return restoreFinished({
    jobId: subject.id,
    workspaceName: subject.workspace_name,
    backupId: subject.backup_id ?? '',
    end: end.kind === 'failed' ? { kind: 'failed', errorType: end.type } : end,
    counts: await countRestore(deps.database.db, subject.id),
    logUrl: `${publicUrl}/v1/restores/${subject.id}/log`,
    jobUrl: `${publicUrl}/v1/jobs/${subject.id}`,
  });
};

const ofImport = async (
  deps: NotifyJobDeps,
  subject: NoticeSubject,
  end: JobEnd,
): Promise<Message> => {
  const { publicUrl } = deps.config;
  const { dryRun, mode } = subject.options as ImportOptions;
  const sum = await sumImport(deps.database.db, subject.id);
  const closed = closeImport(sum, end);
  return importFinished({
    jobId: subject.id,
    workspaceName: subject.workspace_name,
    mode,
    dryRun,
    end:
      closed.kind === 'failed'
        ? { kind: 'failed', errorType: closed.type, mayRetry: mayRetryAfter(closed.type) }
        : closed,
    counts: sum.counts,
    problems: (await listProblems(deps.database.db, [subject.id])).get(subject.id) ?? [],
    cleared: (await listCleared(deps.database.db, [subject.id])).get(subject.id) ?? [],
    logUrl: `${publicUrl}/v1/imports/${subject.id}/log`,
    jobUrl: `${publicUrl}/v1/jobs/${subject.id}`,
  });
};

const COMPOSERS = {
  export: ofExport,
  import: ofImport,
  deletion: ofDeletion,
  restore: ofRestore,
};

/** A step that finds its job being cancelled breaks off; that is told as finishJob stores it. */
const toldEnd = ({ state }: NoticeSubject, end: JobEnd): JobEnd =>
  end.kind === 'failed' && (state === 'cancelling' || state === 'cancelled')
    ? { kind: 'cancelled' }
    : end;

/**
 * Mails the owner of the key that started a job how it ended. A mail the provider accepted is never
 * sent again; a second try carries the same key, link and content as the first.
 */
export const createNotifyJob =
  (deps: NotifyJobDeps): Activities['notifyJob'] =>
  async ({ jobId, end }) => {
    const { db } = deps.database;
    if (await isNoticed(db, jobId, 'finished')) return;
    const subject = await findNoticeSubject(db, jobId);
    if (subject === undefined) {
      throw ApplicationFailure.nonRetryable(
        `There is no job ${jobId} to tell of.`,
        'nothingToTell',
      );
    }
    const message = await COMPOSERS[subject.type](deps, subject, toldEnd(subject, end));
    const providerId = await sendMail(deps.mailer, message, {
      to: subject.owner_email,
      from: deps.config.mailFrom,
      idempotencyKey: `${jobId}/finished`,
      ...(deps.deadlineMs !== undefined && { deadlineMs: deps.deadlineMs }),
    });
    await recordNotice(db, { jobId, kind: 'finished', providerId });
  };
