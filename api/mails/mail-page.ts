import type { CountedReason } from '../../db/mails/mail-pages.ts';
import type { RequestRow } from '../../db/delete-all/delete-all-requests.ts';
import type { CountedProblem } from '../../db/imports/import-tallies.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import { decisionCall } from '../../mail/decision-call.ts';
import { formatCount, formatTimestamp } from '../../files/format.ts';
import { capitalized } from '../../rules/capitalized.ts';
import { escapeHtml } from '../../rules/escape-html.ts';
import { JOB_KINDS } from '../../workflows/contracts/jobs.ts';
import { pageOf } from '../exports/link-page.ts';

type Row = [label: string, value: string | null];

/** Counts of the users or lines of a job, which are shown even if zero. */
const WHOLE = ['selected', 'lines'];

export interface JobPage {
  job: JobRow;
  workspaceName: string;
  reasons: readonly CountedReason[];
  problems: readonly CountedProblem[];
  linkExpiresAt: Date;
  /** The download section of a link that allows the log. */
  logToken?: string;
}

/** The possible decisions in a state, and the people who may make them. */
const DECIDABLE: Readonly<Record<string, readonly [who: string, kind: string][]>> = {
  requested: [
    ['platform team, except the person that made the request', 'approve'],
    ['platform team, except the person that made the request', 'deny'],
    ['admin of the workspace', 'withdraw'],
  ],
  open: [
    ['platform team', 'revoke'],
    ['admin of the workspace', 'withdraw'],
  ],
};

export interface RequestPage {
  request: RequestRow;
  workspaceName: string;
  run: { state: string; counts: unknown } | null;
  publicUrl: string;
  linkExpiresAt: Date;
}

/** The page of a job: state, counts, reasons and times, and no users. */
export const renderJobPage = (page: JobPage): string => {
  const { job, workspaceName, reasons, problems, linkExpiresAt, logToken } = page;
  const error: Row = [
    'Error',
    job.error_type === null ? null : `${job.error_type}: ${job.error_message ?? ''}`,
  ];
  return pageOf(
    `${JOB_KINDS[job.type].title} ${workspaceName}`,
    (logToken === undefined ? '' : downloadOf(logToken)) +
      listOf([
        ['State', wordsOf(job.state)],
        error,
        ['Job', job.id],
        ['Requested', formatTimestamp(job.created_at)],
        ['Started', formatOptional(job.started_at)],
        ['Ended', formatOptional(job.finished_at)],
        ['Records erased', formatOptional(job.erased_at)],
        ['Link works until', formatTimestamp(linkExpiresAt)],
      ]) +
      section(job.type === 'import' ? 'Lines' : 'Users', countsOf(job.counts)) +
      section('Reasons', listOf(reasons.map(reasonRow))) +
      section('Errors in lines', listOf(problems.map(problemRow))) +
      (logToken === undefined ? '' : '<small>Each download is logged.</small>\n'),
  );
};

/**
 * The page of a delete-all request: the requester, the reason, the deadlines, and how to
 * decide.
 */
export const renderRequestPage = (page: RequestPage): string => {
  const { request, workspaceName, run, publicUrl, linkExpiresAt } = page;
  const isAsked = request.state === 'requested';
  return pageOf(
    `Delete all users of ${workspaceName}`,
    listOf([
      ['State', wordsOf(request.state)],
      ['Requested by', `${request.requester_name} (${request.requester_role})`],
      ['Requested', formatTimestamp(request.created_at)],
      ['Users when requested', formatCount(request.users_then)],
      ['Reason', request.reason],
      ['Ticket', request.ticket],
      ['Lapses', isAsked ? formatOptional(request.lapses_at) : null],
      ['Window opened', formatOptional(request.opens_at)],
      ['Window closes', formatOptional(request.closes_at)],
      ['Ended', formatOptional(request.finished_at)],
      ['Request', request.id],
      ['Deletion', request.job_id],
      ['State of the deletion', run === null ? null : wordsOf(run.state)],
      ['Link works until', formatTimestamp(linkExpiresAt)],
    ]) +
      section('Users of the deletion', countsOf(run?.counts)) +
      decisionsOf(request, publicUrl),
  );
};

const downloadOf = (token: string): string =>
  '<p>The log contains ids of users, or lines of the file. Save it where only authorised people can read it.</p>\n' +
  `<p><a href="${token}/log" download rel="nofollow">Download the log</a></p>\n`;

/** Rows without a value are omitted. */
const listOf = (rows: readonly Row[]): string => {
  const lines = rows.flatMap(([label, value]) =>
    value === null ? [] : [`<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd>\n`],
  );
  return lines.length === 0 ? '' : `<dl>\n${lines.join('')}</dl>\n`;
};

/** "changed since backup", of a name of the API. */
const wordsOf = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const formatOptional = (timestamp: Date | null): string | null =>
  timestamp === null ? null : formatTimestamp(timestamp);

const section = (title: string, content: string): string =>
  content === '' ? '' : `<h2>${escapeHtml(title)}</h2>\n${content}`;

/**
 * The total first, then the outcomes in descending order. Outcomes without users
 * are omitted.
 */
const countsOf = (counts: unknown): string =>
  listOf(
    Object.entries((counts ?? {}) as Record<string, number>)
      .filter(([name, count]) => count > 0 || WHOLE.includes(name))
      .toSorted(([a, m], [b, n]) => Number(WHOLE.includes(b)) - Number(WHOLE.includes(a)) || n - m)
      .map(([name, count]) => [capitalized(wordsOf(name)), formatCount(count)]),
  );

const reasonRow = ({ reason, count, isLeast }: CountedReason): Row => [
  reason,
  `${isLeast ? 'at least ' : ''}${formatCount(count)}`,
];

const problemRow = ({ column, rule, count, firstLine }: CountedProblem): Row => [
  `${column ?? 'The line'}, ${rule}`,
  `${formatCount(count)}, the first is line ${formatCount(firstLine)}`,
];

const decisionsOf = ({ id, state }: RequestRow, publicUrl: string): string => {
  const decidable = DECIDABLE[state] ?? [];
  if (decidable.length === 0) return '';
  const commands = decidable.map(
    ([who, kind]) =>
      `<p>${capitalized(kind)} (${who}):</p>\n<pre><code>` +
      `${escapeHtml(decisionCall(`${publicUrl}/v1/delete-all-requests/${id}`, kind))}</code></pre>\n`,
  );
  const explanation =
    '<p>This page changes nothing. To decide, run one of these commands with your API key in place of $KEY.</p>\n';
  return section('How to decide', explanation + commands.join(''));
};
