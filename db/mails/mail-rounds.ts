import { sql } from 'kysely';
import { JOB_MAIL, type MailInput, type MailState } from '../../workflows/mail-contract.ts';
import type { Db, Trx } from '../client.ts';
import { mailSince, mailState, openMailSince, openMailState } from './mail-tries.ts';

/** What a mail is about. */
export type MailSubject = { jobId: string } | { requestId: string };

/** A mail, or a round of mails that none was tried of yet, without its address and text. */
export interface MailRow {
  kind: string;
  round: number;
  state: MailState;
  since: Date;
  attempts: number;
  reason: string | null;
  waitsUntil: Date | null;
  /** The oldest key of whom it goes to, as it is shown; of mails about requests. */
  keyId: string | null;
  /** Seconds since somebody asked for this round; null of the one that nobody had to ask for. */
  askedSeconds: number | null;
}

/** How many mails of a request are told at most, the newest. */
const MAILS_TOLD = 500;

const told = sql`kind, round, ${mailState} AS state, ${mailSince} AS since, attempts, reason,
  CASE WHEN waits_until > now() AND accepted_at IS NULL THEN waits_until END AS "waitsUntil"`;

const asked = sql`extract(epoch FROM now() - r.created_at)::float8 AS "askedSeconds"`;

const wanted = sql.ref('r.created_at');

/** A round that was asked for and that no try has begun: as a mail that waits since then. */
const untried = sql`r.kind, r.round, ${openMailState(wanted)}, ${openMailSince(wanted)}, 0 AS attempts,
  NULL AS reason, NULL::timestamptz AS "waitsUntil"`;

/** Mails about each of some jobs, by the keys of both tables, the oldest first. */
export const listJobMails = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, MailRow[]>> => {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<MailRow & { jobId: string }>`
    SELECT n.*, NULL AS "keyId", ${asked}
      FROM (SELECT job_id AS "jobId", ${told} FROM notices WHERE job_id = ANY (${jobIds}::uuid[])) AS n
      LEFT JOIN mail_rounds r ON r.job_id = n."jobId" AND r.kind = n.kind AND r.round = n.round
    UNION ALL
    SELECT r.job_id, ${untried}, NULL, ${asked} FROM mail_rounds r
     WHERE r.job_id = ANY (${jobIds}::uuid[]) AND NOT EXISTS (
       SELECT FROM notices n WHERE n.job_id = r.job_id AND n.kind = r.kind AND n.round = r.round)
     ORDER BY "jobId", round`.execute(db);
  const mails = new Map<string, MailRow[]>();
  for (const { jobId, ...mail } of rows) mails.set(jobId, [...(mails.get(jobId) ?? []), mail]);
  return mails;
};

/** Mails about a request, by the keys of both tables, in the order they were due. */
export const listRequestMails = async (db: Db, requestId: string): Promise<MailRow[]> => {
  const { rows } = await sql<MailRow & { begun: Date }>`
    SELECT n.begun, n.kind, n.round, n.state, n.since, n.attempts, n.reason, n."waitsUntil",
           (SELECT shown_id FROM api_keys k WHERE k.person = person_of(n.address)
             ORDER BY k.revoked_at IS NOT NULL, k.id LIMIT 1) AS "keyId", ${asked}
      FROM (SELECT begun_at AS begun, person AS address, ${told}
              FROM request_notices WHERE request_id = ${requestId}::uuid) AS n
      LEFT JOIN mail_rounds r ON r.request_id = ${requestId}::uuid AND r.kind = n.kind AND r.round = n.round
    UNION ALL
    SELECT r.created_at, ${untried}, NULL, ${asked} FROM mail_rounds r
     WHERE r.request_id = ${requestId}::uuid AND NOT EXISTS (
       SELECT FROM request_notices n WHERE n.request_id = r.request_id AND n.kind = r.kind AND n.round = r.round)
     ORDER BY begun DESC, round DESC LIMIT ${MAILS_TOLD}`.execute(db);
  return rows.toReversed();
};

/** A wish that a mail is sent again. */
export interface NewRound {
  id: string;
  subject: MailSubject;
  kind: string;
  round: number;
  askedBy: string;
  idempotency?: { key: string; requestHash: string } | undefined;
}

const columnOf = (subject: MailSubject) =>
  'jobId' in subject
    ? ({ job_id: subject.jobId } as const)
    : ({ request_id: subject.requestId } as const);

/** Writes a round down. False when it, or its idempotency key, is there already. */
export const insertRound = async (db: Db | Trx, wanted: NewRound): Promise<boolean> => {
  const row = await db
    .insertInto('mail_rounds')
    .values({
      id: wanted.id,
      ...columnOf(wanted.subject),
      kind: wanted.kind,
      round: wanted.round,
      asked_by: wanted.askedBy,
      idempotency_key: wanted.idempotency?.key ?? null,
      request_hash: wanted.idempotency?.requestHash ?? null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
};

/** Whether somebody has asked for a round, by the keys of the table. */
export const isRoundAsked = async (db: Db, mail: MailInput): Promise<boolean> => {
  const column = 'jobId' in mail ? 'job_id' : 'request_id';
  const row = await db
    .selectFrom('mail_rounds')
    .select('id')
    .where(column, '=', 'jobId' in mail ? mail.jobId : mail.requestId)
    .where('kind', '=', 'jobId' in mail ? JOB_MAIL : mail.kind)
    .where('round', '=', mail.round)
    .executeTakeFirst();
  return row !== undefined;
};

/** The round that an idempotency key was sent with. */
export const findRoundByKey = (db: Db, subject: MailSubject, key: string) =>
  db
    .selectFrom('mail_rounds')
    .select(['kind', 'round', 'request_hash'])
    .$if('jobId' in subject, (query) =>
      query.where('job_id', '=', 'jobId' in subject ? subject.jobId : ''),
    )
    .$if('requestId' in subject, (query) =>
      query.where('request_id', '=', 'requestId' in subject ? subject.requestId : ''),
    )
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
