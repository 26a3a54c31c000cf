-- What has become of each mail, and which mails were asked for again. A mail is accepted once it has a moment for that, else
-- refused once it has one for that, else it waits. Nothing here quotes the provider, who may name the address.

ALTER TABLE notices
  DROP CONSTRAINT notices_pkey,
  -- Signed into the links of the mail, so that a mail that is tried again is the same.
  ADD COLUMN id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- Grows with each time it is asked for again; each round is a mail of its own to the provider.
  ADD COLUMN round int NOT NULL DEFAULT 1 CHECK (round >= 1),
  ADD COLUMN begun_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN attempts int NOT NULL DEFAULT 0,
  ADD COLUMN refused_at timestamptz,
  -- The provider's word for the error, and its status; or our own word.
  ADD COLUMN reason text,
  -- The provider asked to be left alone until then.
  ADD COLUMN waits_until timestamptz,
  ALTER COLUMN provider_id DROP NOT NULL,
  ALTER COLUMN accepted_at DROP NOT NULL,
  ALTER COLUMN accepted_at DROP DEFAULT,
  ADD CONSTRAINT notices_round UNIQUE (job_id, kind, round);
UPDATE notices SET begun_at = accepted_at, attempts = 1;

ALTER TABLE request_notices
  ADD COLUMN round int NOT NULL DEFAULT 1 CHECK (round >= 1),
  ADD COLUMN begun_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN attempts int NOT NULL DEFAULT 0,
  ADD COLUMN refused_at timestamptz,
  ADD COLUMN reason text,
  ADD COLUMN waits_until timestamptz,
  DROP CONSTRAINT request_notices_request_id_kind_person_key,
  ADD CONSTRAINT request_notices_round UNIQUE (request_id, kind, round, person);
UPDATE request_notices n SET begun_at = coalesce(n.accepted_at, r.created_at), attempts = (n.accepted_at IS NOT NULL)::int
  FROM delete_all_requests r WHERE r.id = n.request_id;

-- Mails that somebody has asked for again. The worker sends them, and says in the tables above what came of it.
CREATE TABLE mail_rounds (
  id uuid PRIMARY KEY,
  job_id uuid REFERENCES jobs,
  request_id uuid REFERENCES delete_all_requests,
  kind text NOT NULL,
  round int NOT NULL CHECK (round >= 1),
  asked_by uuid NOT NULL REFERENCES api_keys,
  idempotency_key text,
  request_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(job_id, request_id) = 1),
  UNIQUE (job_id, kind, round),
  UNIQUE (request_id, kind, round),
  UNIQUE (job_id, idempotency_key),
  UNIQUE (request_id, idempotency_key)
);

GRANT UPDATE ON notices TO keepsake_worker;
GRANT SELECT ON mail_rounds TO keepsake_app;
GRANT INSERT (id, job_id, request_id, kind, round, asked_by, idempotency_key, request_hash) ON mail_rounds
  TO keepsake_api;
