CREATE TABLE previews (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  actor_key_id uuid NOT NULL REFERENCES api_keys,
  selection jsonb NOT NULL,
  count bigint NOT NULL,
  held bigint NOT NULL,
  snapshot pg_snapshot NOT NULL,
  recorded_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT recorded_after_snapshot CHECK (recorded_in >= pg_snapshot_xmax(snapshot))
);
CREATE INDEX previews_to_erase ON previews (expires_at) WHERE NOT selection ? 'erased';

CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  type text NOT NULL CHECK (type IN ('export', 'import', 'deletion', 'restore')),
  state text NOT NULL DEFAULT 'queued' CHECK (state IN
    ('queued', 'running', 'waiting', 'cancelling', 'succeeded', 'partiallySucceeded', 'failed', 'cancelled')),
  phase text,
  selection jsonb NOT NULL,
  options jsonb NOT NULL DEFAULT '{}',
  reason text,
  actor_key_id uuid NOT NULL REFERENCES api_keys,
  preview_id uuid UNIQUE REFERENCES previews,
  idempotency_key text,
  request_hash text,
  -- The backup a restore takes from.
  backup_id uuid,
  -- The delete-all request a deletion of everyone is the run of.
  parent_id uuid,
  retry_of uuid UNIQUE REFERENCES jobs,
  run_id text,
  total bigint,
  counts jsonb,
  result jsonb,
  error_type text,
  error_message text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  phase_started_at timestamptz,
  finished_at timestamptz,
  -- Since when ids of its users are gone: with a backup go its traces. Nothing may begin from them.
  erased_at timestamptz CHECK (erased_at IS NULL OR finished_at IS NOT NULL),
  CHECK (NOT selection ? 'erased' OR erased_at IS NOT NULL),
  UNIQUE (workspace_id, idempotency_key),
  CONSTRAINT everyone_needs_a_request CHECK
     (type <> 'deletion' OR selection ->> 'type' <> 'all' OR parent_id IS NOT NULL)
);
CREATE INDEX jobs_newest ON jobs (workspace_id, created_at DESC, id DESC);
CREATE INDEX jobs_unfinished ON jobs (created_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_to_erase ON jobs (finished_at) WHERE erased_at IS NULL;

-- Users chosen by id: those the request named (pass 1), and those a later pass looks at again.
CREATE TABLE job_targets (
  job_id uuid NOT NULL REFERENCES jobs,
  pass int NOT NULL CHECK (pass >= 1),
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (job_id, pass, user_id)
);

CREATE TABLE exports (
  id uuid PRIMARY KEY,
  job_id uuid NOT NULL REFERENCES jobs,
  workspace_id text NOT NULL REFERENCES workspaces,
  purpose text NOT NULL CHECK (purpose IN ('download', 'backup')),
  pass int NOT NULL CHECK (pass >= 1),
  format text NOT NULL DEFAULT 'csv' CHECK (format IN ('csv', 'ndjson')),
  compression text NOT NULL CHECK (compression IN ('gzip', 'zstd', 'none')),
  state text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'written', 'verified', 'damaged', 'removed')),
  attempt int,
  rows bigint,
  bytes bigint,
  sha256 text,
  created_at timestamptz NOT NULL DEFAULT now(),
  verified_at timestamptz,
  expires_at timestamptz NOT NULL,
  -- Set by the platform team: such a backup neither expires nor is purged.
  legal_hold boolean NOT NULL DEFAULT false
    CHECK (NOT legal_hold OR (purpose = 'backup' AND state <> 'removed')),
  -- When it was removed and by which key; by none when it expired or came to nothing. The row comes
  -- first; `destroyed_at` says when its files and the traces of its users were gone.
  removed_at timestamptz CHECK ((removed_at IS NOT NULL) = (state = 'removed')),
  removed_by uuid REFERENCES api_keys CHECK (removed_by IS NULL OR removed_at IS NOT NULL),
  destroyed_at timestamptz CHECK (destroyed_at IS NULL OR removed_at IS NOT NULL),
  UNIQUE (job_id, pass),
  CHECK (purpose = 'download' OR format = 'csv')
);
CREATE INDEX exports_to_expire ON exports (expires_at) WHERE state <> 'removed';

ALTER TABLE jobs ADD FOREIGN KEY (backup_id) REFERENCES exports;
CREATE INDEX jobs_backup ON jobs (backup_id) WHERE backup_id IS NOT NULL;

-- Insert-only, and the one place a backup's snapshot is read from. The row is written by a
-- transaction that began after the snapshot: if it survived a crash, so did every transaction id
-- the snapshot knows, and none of them is given out again.
CREATE TABLE export_attempts (
  export_id uuid NOT NULL REFERENCES exports,
  attempt int NOT NULL CHECK (attempt >= 1),
  snapshot pg_snapshot NOT NULL,
  fingerprint text NOT NULL,
  recorded_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (export_id, attempt),
  CONSTRAINT recorded_after_snapshot CHECK (recorded_in >= pg_snapshot_xmax(snapshot))
);

-- A part is one file. Part 0 is the header line; of NDJSON, which has none, it is empty. `tids` are the places of its rows in the partition
-- as of the attempt's snapshot; `cursor` and `deleted` move only with a committed batch.
CREATE TABLE export_parts (
  export_id uuid NOT NULL,
  attempt int NOT NULL,
  part int NOT NULL CHECK (part >= 0),
  rows int NOT NULL CHECK (rows >= 0),
  raw_bytes bigint NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  tids tid[] NOT NULL DEFAULT '{}',
  cursor int NOT NULL DEFAULT 0 CHECK (cursor BETWEEN 0 AND rows),
  deleted int NOT NULL DEFAULT 0 CHECK (deleted BETWEEN 0 AND rows),
  PRIMARY KEY (export_id, attempt, part),
  FOREIGN KEY (export_id, attempt) REFERENCES export_attempts,
  CHECK (cardinality(tids) IN (0, rows))
);

CREATE TABLE deletion_batches (
  export_id uuid NOT NULL,
  attempt int NOT NULL,
  part int NOT NULL,
  cursor int NOT NULL,
  deleted_ids text[] NOT NULL,
  -- Who could not be deleted, and why, in the same order.
  failed_ids text[] NOT NULL DEFAULT '{}',
  reasons text[] NOT NULL DEFAULT '{}',
  committed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (export_id, attempt, part, cursor),
  FOREIGN KEY (export_id, attempt, part) REFERENCES export_parts,
  CHECK (cardinality(failed_ids) = cardinality(reasons))
);

-- Thousands of places and ids a row: compressing them would cost more time than it saves in space.
ALTER TABLE export_parts ALTER tids SET STORAGE EXTERNAL;
ALTER TABLE deletion_batches ALTER deleted_ids SET STORAGE EXTERNAL;

-- Only what did not plainly become of users what was asked for; the others are in deletion_batches and
-- restore_chunks.
CREATE TABLE outcomes (
  job_id uuid NOT NULL REFERENCES jobs,
  user_id text COLLATE "C" NOT NULL,
  outcome text NOT NULL CHECK (outcome IN
    ('changedSinceBackup', 'notFound', 'held', 'failed', 'unprocessed', 'present')),
  reason text,
  PRIMARY KEY (job_id, user_id)
);

CREATE TABLE download_links (
  id uuid PRIMARY KEY,
  export_id uuid NOT NULL REFERENCES exports,
  created_by uuid NOT NULL REFERENCES api_keys,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);

-- Mails that the provider has accepted.
CREATE TABLE notices (
  job_id uuid NOT NULL REFERENCES jobs,
  kind text NOT NULL,
  provider_id text NOT NULL,
  accepted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, kind)
);

CREATE TABLE activity (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  kind text NOT NULL,
  actor_key_id uuid REFERENCES api_keys,
  job_id uuid REFERENCES jobs,
  export_id uuid REFERENCES exports,
  reason text,
  counts jsonb NOT NULL DEFAULT '{}',
  -- States, moments, checksums; never a user's data.
  details jsonb NOT NULL DEFAULT '{}',
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX activity_newest ON activity (workspace_id, at DESC, id DESC);
CREATE INDEX activity_of_job ON activity (job_id) WHERE job_id IS NOT NULL;

-- What was written stays, whoever asks: the owner too, and a session that replays a replica's changes.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON activity
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE activity ENABLE ALWAYS TRIGGER append_only;

CREATE TABLE worker_heartbeats (
  worker_id text PRIMARY KEY,
  beat_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT ON previews, job_targets, export_attempts, export_parts, notices, activity TO keepsake_app;
GRANT SELECT, INSERT, UPDATE ON jobs, exports, outcomes, download_links TO keepsake_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON worker_heartbeats TO keepsake_app;
GRANT SELECT ON deletion_batches TO keepsake_app;
