import type { Generated } from 'kysely';
import type { DecisionKind, Refusal, RequestState } from '../../workflows/contracts/delete-all.ts';
import type { CreatedAt, Nullable, WithDefault } from '../column-types.ts';
import type { MailColumns } from '../mails/mail-schema.ts';

/** Tables of the requests to delete every user of a workspace. */
export interface DeleteAllSchema {
  delete_all_settings: {
    only_row: Generated<true>;
    percent: number;
    least_users: WithDefault<number>;
    memory: string;
    window_length: string;
    lapse: string;
    remind_after: WithDefault<string>;
    closing_reminders: WithDefault<string>;
  };
  delete_all_requests: {
    id: string;
    workspace_id: string;
    requester_key_id: string;
    reason: string;
    ticket: Nullable<string>;
    state: WithDefault<RequestState>;
    users_then: number;
    idempotency_key: Nullable<string>;
    request_hash: Nullable<string>;
    run_id: Nullable<string>;
    created_at: CreatedAt;
    asked_at: Generated<Date>;
    lapses_at: Generated<Date>;
    window_length: Generated<string>;
    remind_after: Generated<string>;
    closing_reminders: Generated<string>;
    opens_at: Nullable<Date>;
    closes_at: Nullable<Date>;
    job_id: Nullable<string>;
    finished_at: Nullable<Date>;
  };
  decisions: {
    id: string;
    request_id: string;
    kind: DecisionKind;
    key_id: Nullable<string>;
    reason: Nullable<string>;
    preview_id: Nullable<string>;
    job_id: Nullable<string>;
    outcome: WithDefault<'pending' | 'accepted' | 'refused'>;
    refusal: Nullable<Refusal>;
    state: Nullable<RequestState>;
    idempotency_key: Nullable<string>;
    request_hash: Nullable<string>;
    created_at: CreatedAt;
    decided_at: Nullable<Date>;
  };
  request_notices: MailColumns & {
    id: string;
    request_id: string;
    kind: string;
    /** The email address of the recipient. */
    person: string;
  };
}
