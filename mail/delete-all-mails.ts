import { formatCount, formatMoment, formatUsers } from '../files/format.ts';
import type { RequestNotice } from '../workflows/contract.ts';
import { decisionCall } from './decision-call.ts';
import { type Letter, type MailLink, type Message, renderLetter } from './letter.ts';

/**
 * What a mail about a delete-all request may tell. The texts are those of the people who decided.
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
  /** How long the window is that an approval opens. */
  windowMs: number;
  /** The note of an approval, the reason of a denial or a revocation. */
  words: string | null;
  /** Whether a run was begun: then some users may be deleted. */
  hasRun: boolean;
  end: { state: string; jobId: string; selected: number; deleted: number } | null;
  /** Begins the calls that decide. */
  apiUrl: string;
  request: MailLink;
}

/** What the reader may decide now. */
export interface Decidable {
  kind: 'approve' | 'deny' | 'revoke' | 'withdraw';
  /** By which they decide from Temporal's UI or CLI; none where that is switched off. */
  code?: string;
}

type Told = Pick<Letter, 'heading' | 'tone' | 'paragraphs'>;

const NOTHING = 'Nothing was deleted.';
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** "24 hours", "30 minutes"; a setting need not be whole hours. */
const formatDuration = (ms: number): string => {
  const [count, unit] = ms >= HOUR_MS ? [ms / HOUR_MS, 'hour'] : [ms / MINUTE_MS, 'minute'];
  const rounded = Math.max(1, Math.round(count));
  return `${rounded} ${unit}${rounded === 1 ? '' : 's'}`;
};

const untilOf = ({ closesAt }: RequestFacts): string =>
  closesAt === null ? 'its end' : formatMoment(closesAt);

const asked = (facts: RequestFacts, heading: string): Told => ({
  heading,
  tone: 'mixed',
  paragraphs: [
    `${facts.asker.name} (${facts.asker.role} of ${facts.workspaceName}) asks to delete every user of it: ` +
      `${formatUsers(facts.usersThen)} when it was asked.`,
    `Reason: ${facts.reason}`,
    'Someone of the platform team, and not the person who asked, approves or denies it. ' +
      `Without an answer it lapses on ${formatMoment(facts.lapsesAt)}.`,
    'Nothing is deleted by an approval: it opens a window of ' +
      `${formatDuration(facts.windowMs)} in which an admin may do so, once.`,
  ],
});

const approved = (facts: RequestFacts): Told => ({
  heading: `Deleting all users is possible until ${untilOf(facts)}`,
  tone: 'mixed',
  paragraphs: [
    `The platform team has approved deleting every user of ${facts.workspaceName}. Until ` +
      `${untilOf(facts)} an admin of the workspace may preview and run it, once.`,
    ...(facts.words === null ? [] : [`Note: ${facts.words}`]),
    'Every user is backed up, and the backup verified, before anyone is deleted.',
  ],
});

const closing = (facts: RequestFacts, leftMs: number): Told => ({
  heading: `Deleting all users closes in ${formatDuration(leftMs)}`,
  tone: 'mixed',
  paragraphs: [
    `Deleting every user of ${facts.workspaceName} was approved and not run. The window closes on ` +
      `${untilOf(facts)}; after that it must be asked for again.`,
  ],
});

const over = (heading: string, ...paragraphs: (string | null)[]): Told => ({
  heading: `Deleting all users: ${heading}`,
  tone: 'mixed',
  paragraphs: paragraphs.filter((paragraph) => paragraph !== null),
});

const ended = (facts: RequestFacts): Told => {
  const { end, workspaceName } = facts;
  if (end === null) return over('stopped by an operator', `${NOTHING} It can be asked for again.`);
  const isDone = end.state === 'completed';
  const counted = `${formatCount(end.deleted)} of ${formatUsers(end.selected)}`;
  return {
    heading: `Deleting all users ${isDone ? 'is done' : 'ended'}: ${counted} deleted`,
    tone: isDone ? 'good' : end.state === 'failed' ? 'bad' : 'mixed',
    paragraphs: [
      end.deleted === 0
        ? `${NOTHING} Whoever of ${workspaceName} was there has stayed.`
        : `Deleted from ${workspaceName}: ${counted}. Each was backed up, and the backup verified, ` +
          'before; they can be restored from it until it expires.',
      ...(isDone ? [] : ['Not everyone was deleted. The job says who, and why.']),
    ],
  };
};

const tell = (facts: RequestFacts, kind: RequestNotice): Told => {
  const { workspaceName, words } = facts;
  const said = words === null ? null : `Reason: ${words}`;
  const nothing = facts.hasRun ? 'Nothing more is deleted.' : NOTHING;
  switch (kind) {
    case 'asked':
      return asked(facts, `Asked: delete all users of ${workspaceName}`);
    case 'unanswered':
      return asked(facts, `Still unanswered: delete all users of ${workspaceName}`);
    case 'approved':
      return approved(facts);
    case 'denied':
      return over('denied', `The platform team has said no. ${NOTHING}`, said);
    case 'withdrawn':
      return over('withdrawn', `An admin of ${workspaceName} has withdrawn it. ${nothing}`);
    case 'revoked':
      return over('revoked', `The platform team has closed the window. ${nothing}`, said);
    case 'lapsed':
      return over('lapsed', `Nobody answered in time. ${NOTHING} It can be asked for again.`);
    case 'expired':
      return over('the window has closed', `${NOTHING} It can be asked for again.`);
    case 'ended':
      return ended(facts);
    default:
      return closing(facts, Number(kind.slice('closing/'.length)));
  }
};

const tableOf = (facts: RequestFacts): Letter['tables'][number] => ({
  title: 'The request',
  rows: [
    ['Workspace', facts.workspaceName],
    ['Asked by', `${facts.asker.name} (${facts.asker.role})`],
    ['Users when asked', formatCount(facts.usersThen)],
    ['Request', facts.requestId],
    ...(facts.ticket === null ? [] : [['Ticket', facts.ticket] satisfies [string, string]]),
    ...(facts.end === null ? [] : [['Deletion', facts.end.jobId] satisfies [string, string]]),
  ],
});

const LABELS: Record<Decidable['kind'], string> = {
  approve: 'Approve',
  deny: 'Deny',
  revoke: 'Revoke',
  withdraw: 'Withdraw',
};

/** Commands that need a key of the reader; nothing in the mail decides by being opened. */
const callsTable = (facts: RequestFacts, decidable: readonly Decidable[]): Letter['tables'] => {
  if (decidable.length === 0) return [];
  const rows = decidable.map(({ kind }): [string, string] => [
    LABELS[kind],
    decisionCall(`${facts.apiUrl}/v1/delete-all-requests/${facts.requestId}`, kind),
  ]);
  return [{ title: 'To decide, with your API key in place of $KEY', rows }];
};

/** Commands for Temporal's CLI. The code is the reader's own and good for this decision alone. */
const codesTable = (requestId: string, decidable: readonly Decidable[]): Letter['tables'] => {
  const rows = decidable.flatMap(({ kind, code }): [string, string][] => {
    if (code === undefined) return [];
    const input = kind === 'deny' ? { code, reason: 'Why not' } : { code };
    const workflow = `--workflow-id delete-all/${requestId}`;
    const command = `temporal workflow signal ${workflow} --name ${kind} --input '${JSON.stringify(input)}'`;
    return [[LABELS[kind], command]];
  });
  if (rows.length === 0) return [];
  return [{ title: 'To decide without the API (the codes are yours: do not hand them on)', rows }];
};

/**
 * What the platform team and the admins of the workspace are mailed, from the question to the end.
 */
export const deleteAllMail = (
  facts: RequestFacts,
  kind: RequestNotice,
  decidable: readonly Decidable[] = [],
): Message => {
  const told = tell(facts, kind);
  const { url, expiresAt } = facts.request;
  const look = {
    label: 'Look at the request',
    url,
    note: `How it stands and how to decide; the page itself decides nothing. Works until ${formatMoment(expiresAt)}.`,
  };
  return renderLetter({
    ...told,
    subject: `${told.heading} (${facts.workspaceName})`,
    actions: [look],
    tables: [
      tableOf(facts),
      ...callsTable(facts, decidable),
      ...codesTable(facts.requestId, decidable),
    ],
    footer:
      'Keepsake sent this because you are of the platform team, or an admin of the workspace.',
  });
};
