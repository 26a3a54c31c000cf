import type { ColumnType, Generated } from 'kysely';
import type { PropertyType } from '../selection/property-types.ts';
import type { EnteredPhase, ErrorData, JobType } from '../workflows/contracts/jobs.ts';
import type { CreatedAt, Json, Nullable, StoredColumn, WithDefault } from './column-types.ts';
import type { DeleteAllSchema } from './delete-all/delete-all-schema.ts';
import type { ImportSchema } from './imports/import-schema.ts';
import type { MailSchema } from './mails/mail-schema.ts';
import type { SessionSchema } from './session-schema.ts';
import type { UserListSchema } from './users/user-list-schema.ts';
import type { WebhookSchema } from './webhooks/webhook-schema.ts';

/** Rows as PostgreSQL returns them, in snake_case. Row types derive from these tables. */

/** The roles of API keys. */
export const KEY_ROLES = ['admin', 'platform', 'ops'] as const;
export type Role = (typeof KEY_ROLES)[number];
export const JOB_STATES = [
  'queued',
  'running',
  'cancelling',
  'succeeded',
  'partiallySucceeded',
  'failed',
  'cancelled',
] as const;
export type JobState = (typeof JOB_STATES)[number];
export type ExportState = 'writing' | 'written' | 'verified' | 'damaged' | 'removed';
export type Purpose = 'download' | 'backup';
export type Format = 'csv' | 'ndjson';
/** Compression of a download. */
export type DownloadCompression = 'gzip' | 'none';
/**
 * Compression of an export's parts in storage. Backups use zstd; a download uses the requested
 * compression.
 */
export type Compression = DownloadCompression | 'zstd';
/**
 * The options of an export job. `columns` holds all columns that existed when the job was written.
 */
export interface ExportOptions {
  format: Format;
  compression: DownloadCompression;
  columns: string[];
  spreadsheetSafe: boolean;
  notify: boolean;
}
export type Outcome =
  | 'changedSinceBackup'
  | 'notFound'
  | 'held'
  | 'failed'
  | 'unprocessed'
  | 'present';
export interface Schema
  extends DeleteAllSchema, ImportSchema, MailSchema, SessionSchema, UserListSchema, WebhookSchema {
  workspaces: { id: string; name: string; created_at: CreatedAt };
  api_keys: {
    id: string;
    role: Role;
    workspace_id: string | null;
    owner_name: string;
    owner_email: string;
    /** The owner's email address in a canonical form (`person_of`). */
    person: ColumnType<string, never, never>;
    hash: Buffer;
    /** The public id, shown to people instead of the id. */
    shown_id: ColumnType<string, never, never>;
    created_at: CreatedAt;
    revoked_at: Nullable<Date>;
    expires_at: Nullable<Date>;
    last_used_at: ColumnType<Date | null, never, never>;
  };
  users: {
    workspace_id: string;
    user_id: string;
    first_name: Nullable<string>;
    last_name: Nullable<string>;
    gender: Nullable<string>;
    country: Nullable<string>;
    city: Nullable<string>;
    language: Nullable<string>;
    timezone: Nullable<string>;
    email: Nullable<string>;
    phone: Nullable<string>;
    last_channel: Nullable<string>;
    dob: Nullable<string>;
    email_optin: Nullable<boolean>;
    sms_optin: Nullable<boolean>;
    whats_app_optin: Nullable<boolean>;
    tags: Nullable<string[]>;
    properties: Json;
    legal_hold: Generated<boolean>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
    written_in: Generated<string>;
    inserted_in: Generated<string>;
  };
  properties: { workspace_id: string; name: string; type: PropertyType; created_at: CreatedAt };
  segments: {
    id: string;
    workspace_id: string;
    name: string;
    filter: Json;
    created_at: CreatedAt;
    updated_at: Generated<Date>;
  };
  previews: {
    id: string;
    workspace_id: string;
    actor_key_id: string;
    selection: Json;
    count: number;
    held: number;
    snapshot: string;
    recorded_in: Generated<string>;
    created_at: CreatedAt;
    expires_at: Date;
    request_id: Nullable<string>;
    users: Nullable<number>;
  };
  jobs: {
    id: string;
    workspace_id: string;
    type: JobType;
    state: WithDefault<JobState>;
    phase: Nullable<string>;
    selection: Json;
    options: Json;
    reason: Nullable<string>;
    actor_key_id: string;
    preview_id: Nullable<string>;
    backup_id: Nullable<string>;
    import_file_id: Nullable<string>;
    idempotency_key: Nullable<string>;
    request_hash: Nullable<string>;
    request_id: Nullable<string>;
    parent_id: Nullable<string>;
    retry_of: Nullable<string>;
    run_id: Nullable<string>;
    total: Nullable<number>;
    counts: ColumnType<unknown, string | null | undefined, string | null>;
    result: ColumnType<unknown, string | null | undefined, string | null>;
    reasons: ColumnType<unknown, string | null | undefined, string | null>;
    error_type: Nullable<string>;
    error_message: Nullable<string>;
    error_data: ColumnType<ErrorData | null, string | null | undefined, string | null>;
    created_at: CreatedAt;
    started_at: Nullable<Date>;
    phase_started_at: Nullable<Date>;
    phases: ColumnType<EnteredPhase[], string | undefined, string>;
    finished_at: Nullable<Date>;
    erased_at: Nullable<Date>;
  };
  job_targets: { job_id: string; pass: number; user_id: string };
  job_addresses: { job_id: string; address: string };
  exports: {
    id: string;
    job_id: string;
    workspace_id: string;
    purpose: Purpose;
    pass: number;
    format: WithDefault<Format>;
    compression: Compression;
    state: WithDefault<ExportState>;
    attempt: Nullable<number>;
    rows: Nullable<number>;
    bytes: Nullable<number>;
    sha256: Nullable<string>;
    created_at: CreatedAt;
    verified_at: Nullable<Date>;
    expires_at: Date;
    legal_hold: Generated<boolean>;
    removed_at: Nullable<Date>;
    removed_by: Nullable<string>;
    destroyed_at: Nullable<Date>;
    scrubbed_at: Nullable<Date>;
  };
  export_attempts: {
    export_id: string;
    attempt: number;
    snapshot: string;
    fingerprint: string;
    recorded_in: Generated<string>;
    columns: ColumnType<StoredColumn[] | null, string | null | undefined, never>;
    /** An array literal. */
    ended_xids: WithDefault<string>;
  };
  export_parts: {
    export_id: string;
    attempt: number;
    part: number;
    rows: number;
    raw_bytes: number;
    bytes: number;
    sha256: string;
    /** An array literal: tens of thousands of row ids are sent as one text. */
    tids: WithDefault<string>;
    cursor: Generated<number>;
    deleted: Generated<number>;
    /** The oldest `created_at` of the deleted users. */
    oldest_deleted: Nullable<Date>;
  };
  admitted_deletions: {
    export_id: string;
    attempt: number;
    job_id: string;
    workspace_id: string;
    is_approved: boolean;
    rows: number;
    rows_so_far: number;
    admitted_at: Date;
  };
  deletion_batches: {
    export_id: string;
    attempt: number;
    part: number;
    cursor: number;
    deleted_ids: string[];
    failed_ids: string[];
    reasons: string[];
    committed_at: Date;
  };
  outcomes: { job_id: string; user_id: string; outcome: Outcome; reason: Nullable<string> };
  restore_chunks: {
    job_id: string;
    part: number;
    restored: number;
    present: number;
    failed: Generated<number>;
    restored_ids: string[];
    committed_at: Generated<Date>;
    recorded_in: ColumnType<string | null, never, never>;
  };
  /** A view. */
  done_batches: {
    job_id: string;
    pass: number;
    attempt: number;
    part: number;
    cursor: number;
    user_ids: string[];
    outcome: 'deleted' | 'restored';
  };
  download_links: {
    id: string;
    export_id: string;
    created_by: string;
    created_at: CreatedAt;
    expires_at: Date;
    revoked_at: Nullable<Date>;
  };
  activity: {
    id: string;
    workspace_id: Nullable<string>;
    kind: string;
    actor_key_id: Nullable<string>;
    job_id: Nullable<string>;
    export_id: Nullable<string>;
    reason: Nullable<string>;
    counts: ColumnType<unknown, string | undefined, never>;
    details: ColumnType<unknown, string | undefined, never>;
    at: CreatedAt;
    request_id: Nullable<string>;
  };
  schedule_runs: { schedule: string; succeeded_at: Date };
  expiry_watch: { is_only: Generated<boolean>; watched_to: Date; stepped_at: Date };
  worker_heartbeats: { worker_id: string; task_queue: string | null; beat_at: Date };
}
