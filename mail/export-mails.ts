import type { Compression, Format } from '../db/schema.ts';
import {
  formatBytes,
  formatCount,
  formatKind,
  formatTimestamp,
  formatUsers,
} from '../files/format.ts';
import { lookAtJob, type MailLink, type Message, renderLetter } from './letter.ts';

export interface ExportReady {
  jobId: string;
  workspaceName: string;
  format: Format;
  compression: Compression;
  rows: number;
  bytes: number;
  sha256: string;
  linkUrl: string;
  linkExpiresAt: Date;
  fileExpiresAt: Date;
}

/** Sent once the file is complete and verified. */
export const exportReady = (facts: ExportReady): Message =>
  renderLetter({
    subject: `Export ready: ${formatUsers(facts.rows)} of ${facts.workspaceName}`,
    heading: 'Your export is ready',
    tone: 'good',
    paragraphs: [
      `The file contains ${formatUsers(facts.rows)} of ${facts.workspaceName}. The file is complete: ` +
        'it was read back and matches the data from the database.',
    ],
    actions: [
      {
        label: 'Download the export',
        url: facts.linkUrl,
        note:
          `Works until ${formatTimestamp(facts.linkExpiresAt)}. ` +
          'Anyone with this link can download the file. Each download is logged.',
      },
    ],
    tables: [
      {
        title: 'The file',
        rows: [
          ['Users', formatCount(facts.rows)],
          ['Format', formatKind(facts)],
          ['Size', formatBytes(facts.bytes)],
          ['SHA-256', facts.sha256],
          ['Removed after', formatTimestamp(facts.fileExpiresAt)],
          ['Export', facts.jobId],
        ],
      },
    ],
  });

export interface ExportEnded {
  jobId: string;
  workspaceName: string;
  /** The type of the failure; absent if the export was cancelled. */
  errorType?: string;
  job: MailLink;
}

/** Sent if there is no file: the export failed or was cancelled. */
export const exportFailed = ({ jobId, workspaceName, errorType, job }: ExportEnded): Message => {
  const end = errorType === undefined ? 'cancelled' : 'failed';
  return renderLetter({
    subject: `Export ${end}: ${workspaceName}`,
    heading: `Your export ${end === 'failed' ? 'failed' : 'was cancelled'}`,
    tone: end === 'failed' ? 'bad' : 'mixed',
    paragraphs: [
      `There is no file of ${workspaceName} to download, and no user was changed.`,
      ...(end === 'failed' ? ['See the job for the cause. Fix the cause, then export again.'] : []),
    ],
    actions: [lookAtJob(job)],
    tables: [
      {
        title: 'The export',
        rows: [['Export', jobId], ...(errorType === undefined ? [] : [errorRow(errorType)])],
      },
    ],
  });
};

const errorRow = (errorType: string): [string, string] => ['Error', errorType];
