import type { Generated } from 'kysely';
import type { CreatedAt, Nullable, WithDefault } from '../column-types.ts';

/** Columns of every mail, whatever the mail is about. */
export interface MailColumns {
  /** Grows by one each time that a further sending of the mail is requested. */
  round: WithDefault<number>;
  /** When the round was first tried, or planned. */
  begun_at: Generated<Date>;
  attempts: WithDefault<number>;
  provider_id: Nullable<string>;
  accepted_at: Nullable<Date>;
  refused_at: Nullable<Date>;
  /** Why the last attempt was not accepted. */
  reason: Nullable<string>;
  /** Earliest time of the next attempt, as the provider demanded. */
  waits_until: Nullable<Date>;
}

/** Tables of mails. `DeleteAllSchema` has those about delete-all requests. */
export interface MailSchema {
  notices: MailColumns & { id: Generated<string>; job_id: string; kind: string };
  mail_rounds: {
    id: string;
    job_id: Nullable<string>;
    request_id: Nullable<string>;
    kind: string;
    round: number;
    asked_by: string;
    idempotency_key: Nullable<string>;
    request_hash: Nullable<string>;
    created_at: CreatedAt;
  };
}
