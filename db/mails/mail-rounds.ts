import { sql } from 'kysely';
import { JOB_MAIL, type MailInput, type MailState } from '../../workflows/contracts/mails.ts';
import type { Db, Trx } from '../client.ts';
import { mailSince, mailState, openMailSince, openMailState } from './mail-tries.ts';

/** The job or request that a mail is about. */
export type MailSubject = { jobId: string } | { requestId: string };

/** A mail without its address and text, or a requested round that has not been tried yet. */
export interface MailRow {
  kind: string;
  round: number;
  state: MailState;
  since: Date;
  attempts: number;
  reason: string | null;
  waitsUntil: Date | null;
  /** For mails about requests: the public id of the recipient's oldest key. */
  keyId: string | null;
  /** Seconds since the round was requested. Null for the first round, which is not requested. */
  askedSeconds: number | null;
}

/** Most mails of a request that are listed, the newest. */
const MAX_MAILS = 500;

const mailColumns = sql`kind, round, ${mailState} AS state, ${mailSince} AS since, attempts, reason,
  CASE WHEN waits_until > now() AND accepted_at IS NULL THEN waits_until END AS "waitsUntil"`;

const asked = sql`extract(epoch FROM now() - r.created_at)::float8 AS "askedSeconds"`;

const wanted = sql.ref('r.created_at');

/**
 * A requested round that was never tried, shown as a mail that has been waiting since the request.
 */
const untried = sql`r.kind, r.round, ${openMailState(wanted)}, ${openMailSince(wanted)}, 0 AS attempts,
  NULL AS reason, NULL::timestamptz AS "waitsUntil"`;

/** A request to send a mail again. */
export interface NewRound {
  id: string;
  subject: MailSubject;
  kind: string;
  round: number;
  askedBy: string;
  idempotency?: { key: string; requestHash: string } | undefined;
}

/** Mails about each of the jobs, the oldest first. Counts on the keys of both tables. */
export const listJobMails = async (
  db: Db,
  jobIds: readonly string[],
): Promise<Map<string, MailRow[]>> => {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<MailRow & { jobId: string }>`
    SELECT n.*, NULL AS "keyId", ${asked}
      FROM (SELECT job_id AS "jobId", ${mailColumns} FROM notices WHERE job_id = ANY (${jobIds}::uuid[])) AS n
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

/**
 * Mails about a request, in the order in which they were due. Counts on the keys of both tables.
 */
export const listRequestMails = async (db: Db, requestId: string): Promise<MailRow[]> => {
  const { rows } = await sql<MailRow & { begun: Date }>`
    SELECT n.begun, n.kind, n.round, n.state, n.since, n.attempts, n.reason, n."waitsUntil",
           (SELECT shown_id FROM api_keys k WHERE k.person = person_of(n.address)
             ORDER BY k.revoked_at IS NOT NULL, k.id LIMIT 1) AS "keyId", ${asked}
      FROM (SELECT begun_at AS begun, person AS address, ${mailColumns}
              FROM request_notices WHERE request_id = ${requestId}::uuid) AS n
      LEFT JOIN mail_rounds r ON r.request_id = ${requestId}::uuid AND r.kind = n.kind AND r.round = n.round
    UNION ALL
    SELECT r.created_at, ${untried}, NULL, ${asked} FROM mail_rounds r
     WHERE r.request_id = ${requestId}::uuid AND NOT EXISTS (
       SELECT FROM request_notices n WHERE n.request_id = r.request_id AND n.kind = r.kind AND n.round = r.round)
     ORDER BY begun DESC, round DESC LIMIT ${MAX_MAILS}`.execute(db);
  return rows.toReversed();
};

/** Records a requested round. False if the round or its idempotency key was recorded before. */
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

/** Whether a round was requested. Counts on the keys of the table. */
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

/** Whether a job was started with the wish for a mail at its end. */
export const isMailWanted = async (db: Db, jobId: string): Promise<boolean> => {
  const row = await db
    .selectFrom('jobs')
    .select('id')
    .where('id', '=', jobId)
    .where(sql<boolean>`options @> '{"notify": true}'`)
    .executeTakeFirst();
  return row !== undefined;
};

/** The round that was requested with an idempotency key. */
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

const columnOf = (subject: MailSubject) =>
  'jobId' in subject
    ? ({ job_id: subject.jobId } as const)
    : ({ request_id: subject.requestId } as const);
