import { formatCount, formatTimestamp, formatUsers } from '../files/format.ts';
import type { RequestNotice } from '../workflows/contracts/delete-all.ts';
import { decisionCall } from './decision-call.ts';
import { type Letter, type MailLink, type Message, renderLetter } from './letter.ts';

/**
 * The data of a mail about a delete-all request. Its texts were written by the people who decided.
 */
export interface RequestFacts {
  requestId: string;
  workspaceName: string;
  asker: { role: string; name: string };
  reason: string;
  ticket: string | null;
  usersThen: number;
  lapsesAt: Date;
  closesAt: Date | null;
  /** Length of the window that an approval opens. */
  windowMs: number;
  /** The note of an approval, or the reason of a denial or a revocation. */
  words: string | null;
  /** Whether a run was started. Then some users may already be deleted. */
  hasRun: boolean;
  end: { state: string; jobId: string; selected: number; deleted: number } | null;
  /** Base URL of the calls that decide. */
  apiUrl: string;
  request: MailLink;
}

/** A decision that the reader may make now. */
export interface Decidable {
  kind: 'approve' | 'deny' | 'revoke' | 'withdraw';
  /** Code to decide from Temporal's UI or CLI; absent if that is switched off. */
  code?: string;
}

type NoticeText = Pick<Letter, 'heading' | 'tone' | 'paragraphs'>;

const NOTHING = 'Nothing was deleted.';
const AGAIN = 'An admin can request the deletion again.';
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const LABELS: Record<Decidable['kind'], string> = {
  approve: 'Approve',
  deny: 'Deny',
  revoke: 'Revoke',
  withdraw: 'Withdraw',
};

/**
 * The mails to the platform team and the admins of the workspace, from the request to its end.
 */
export const deleteAllMail = (
  facts: RequestFacts,
  kind: RequestNotice,
  decidable: readonly Decidable[] = [],
): Message => {
  const text = composeNotice(facts, kind);
  const { url, expiresAt } = facts.request;
  const look = {
    label: 'View the request',
    url,
    note: `The page shows the state of the request and how to decide. It changes nothing. Works until ${formatTimestamp(expiresAt)}.`,
  };
  return renderLetter({
    ...text,
    subject: `${text.heading} (${facts.workspaceName})`,
    actions: [look],
    tables: [
      tableOf(facts),
      ...callsTable(facts, decidable),
      ...codesTable(facts.requestId, decidable),
    ],
    footer:
      'Keepsake sent this mail because you are a member of the platform team or an admin of the workspace.',
  });
};

const composeNotice = (facts: RequestFacts, kind: RequestNotice): NoticeText => {
  const { workspaceName, words } = facts;
  const said = words === null ? null : `Reason: ${words}`;
  const nothing = facts.hasRun ? 'Nothing more is deleted.' : NOTHING;
  switch (kind) {
    case 'asked':
      return asked(facts, `Requested: delete all users of ${workspaceName}`);
    case 'unanswered':
      return asked(facts, `Still unanswered: delete all users of ${workspaceName}`);
    case 'approved':
      return approved(facts);
    case 'denied':
      return over('denied', `The platform team denied the request. ${NOTHING}`, said);
    case 'withdrawn':
      return over('withdrawn', `An admin of ${workspaceName} withdrew the request. ${nothing}`);
    case 'revoked':
      return over('revoked', `The platform team closed the window. ${nothing}`, said);
    case 'lapsed':
      return over('lapsed', `The request was not answered in time. ${NOTHING} ${AGAIN}`);
    case 'expired':
      return over('the window has closed', `${NOTHING} ${AGAIN}`);
    case 'ended':
      return ended(facts);
    default:
      return closing(facts, Number(kind.slice('closing/'.length)));
  }
};

const asked = (facts: RequestFacts, heading: string): NoticeText => ({
  heading,
  tone: 'mixed',
  paragraphs: [
    `${facts.asker.name} (${facts.asker.role} of ${facts.workspaceName}) requests to delete all users of ` +
      `the workspace: ${formatUsers(facts.usersThen)} at the time of the request.`,
    `Reason: ${facts.reason}`,
    'Another person of the platform team must approve or deny the request. ' +
      `Without an answer, the request lapses on ${formatTimestamp(facts.lapsesAt)}.`,
    `An approval deletes nothing. It opens a window of ${formatDuration(facts.windowMs)} in which an admin ` +
      'may delete all users, once.',
  ],
});

/** "24 hours", "30 minutes". A setting may have fractions of hours. */
const formatDuration = (ms: number): string => {
  const [count, unit] = ms >= HOUR_MS ? [ms / HOUR_MS, 'hour'] : [ms / MINUTE_MS, 'minute'];
  const rounded = Math.max(1, Math.round(count));
  return `${rounded} ${unit}${rounded === 1 ? '' : 's'}`;
};

const approved = (facts: RequestFacts): NoticeText => ({
  heading: `Deleting all users is possible until ${untilOf(facts)}`,
  tone: 'mixed',
  paragraphs: [
    `The platform team approved the request to delete all users of ${facts.workspaceName}. Until ` +
      `${untilOf(facts)} an admin of the workspace may preview and run the deletion, once.`,
    ...(facts.words === null ? [] : [`Note: ${facts.words}`]),
    'Before any user is deleted, all users are backed up and the backup is verified.',
  ],
});

const untilOf = ({ closesAt }: RequestFacts): string =>
  closesAt === null ? 'its end' : formatTimestamp(closesAt);

const over = (heading: string, ...paragraphs: (string | null)[]): NoticeText => ({
  heading: `Deleting all users: ${heading}`,
  tone: 'mixed',
  paragraphs: paragraphs.filter((paragraph) => paragraph !== null),
});

const ended = (facts: RequestFacts): NoticeText => {
  const { end, workspaceName } = facts;
  if (end === null) return over('stopped by an operator', `${NOTHING} ${AGAIN}`);
  const isDone = end.state === 'completed';
  const counted = `${formatCount(end.deleted)} of ${formatUsers(end.selected)}`;
  return {
    heading: `Deleting all users ${isDone ? 'is done' : 'ended'}: ${counted} deleted`,
    tone: isDone ? 'good' : end.state === 'failed' ? 'bad' : 'mixed',
    paragraphs: [
      end.deleted === 0
        ? `No user of ${workspaceName} was deleted.`
        : `Deleted from ${workspaceName}: ${counted}. All were backed up first, and the backup was ` +
          'verified. They can be restored from the backup until it expires.',
      ...(isDone ? [] : ['Not all users were deleted. See the job for the reasons.']),
    ],
  };
};

const closing = (facts: RequestFacts, leftMs: number): NoticeText => ({
  heading: `The window for deleting all users closes in ${formatDuration(leftMs)}`,
  tone: 'mixed',
  paragraphs: [
    `The request to delete all users of ${facts.workspaceName} was approved, but not run yet. ` +
      `The window closes on ${untilOf(facts)}. After that, a new request is needed.`,
  ],
});

const tableOf = (facts: RequestFacts): Letter['tables'][number] => ({
  title: 'The request',
  rows: [
    ['Workspace', facts.workspaceName],
    ['Requested by', `${facts.asker.name} (${facts.asker.role})`],
    ['Users when requested', formatCount(facts.usersThen)],
    ['Request', facts.requestId],
    ...(facts.ticket === null ? [] : [['Ticket', facts.ticket] satisfies [string, string]]),
    ...(facts.end === null ? [] : [['Deletion', facts.end.jobId] satisfies [string, string]]),
  ],
});

/** Commands that need a key of the reader. Opening a link of the mail decides nothing. */
const callsTable = (facts: RequestFacts, decidable: readonly Decidable[]): Letter['tables'] => {
  if (decidable.length === 0) return [];
  const rows = decidable.map(({ kind }): [string, string] => [
    LABELS[kind],
    decisionCall(`${facts.apiUrl}/v1/delete-all-requests/${facts.requestId}`, kind),
  ]);
  return [{ title: 'To decide, run a command with your API key in place of $KEY', rows }];
};

/** Commands for Temporal's CLI. Each code is personal and valid for one decision only. */
const codesTable = (requestId: string, decidable: readonly Decidable[]): Letter['tables'] => {
  const rows = decidable.flatMap(({ kind, code }): [string, string][] => {
    if (code === undefined) return [];
    const input = kind === 'deny' ? { code, reason: 'Your reason' } : { code };
    const workflow = `--workflow-id delete-all/${requestId}`;
    const command = `temporal workflow signal ${workflow} --name ${kind} --input '${JSON.stringify(input)}'`;
    return [[LABELS[kind], command]];
  });
  if (rows.length === 0) return [];
  return [{ title: 'To decide without the API (the codes are personal: do not share them)', rows }];
};
