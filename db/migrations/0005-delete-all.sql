-- Asks to delete every user of a workspace. Times that decide are Temporal's, handed in; `created_at` is
-- for people.
CREATE TABLE delete_all_requests (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  requester_key_id uuid NOT NULL REFERENCES api_keys,
  reason text NOT NULL,
  ticket text,
  state text NOT NULL DEFAULT 'requested' CHECK (state IN
    ('requested', 'open', 'running', 'completed', 'completedWithFailures', 'failed', 'cancelled',
     'denied', 'withdrawn', 'lapsed', 'expired', 'revoked')),
  users_then bigint NOT NULL,
  idempotency_key text,
  request_hash text,
  -- The run of its workflow that claimed it last; none before the first.
  run_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  asked_at timestamptz,
  lapses_at timestamptz,
  opens_at timestamptz,
  closes_at timestamptz,
  -- The last run.
  job_id uuid REFERENCES jobs,
  finished_at timestamptz,
  UNIQUE (workspace_id, idempotency_key),
  CHECK ((finished_at IS NULL) = (state IN ('requested', 'open', 'running'))),
  CHECK ((opens_at IS NULL) = (closes_at IS NULL) AND closes_at > opens_at),
  CHECK (closes_at IS NOT NULL OR state NOT IN ('open', 'running', 'expired', 'revoked')),
  CHECK (job_id IS NOT NULL OR state NOT IN ('running', 'completed', 'completedWithFailures', 'failed'))
);
CREATE UNIQUE INDEX delete_all_one_unfinished ON delete_all_requests (workspace_id)
  WHERE finished_at IS NULL;
CREATE INDEX delete_all_newest ON delete_all_requests (created_at DESC, id DESC);

ALTER TABLE jobs ADD FOREIGN KEY (parent_id) REFERENCES delete_all_requests;

-- A look at everyone, bound to the request it was made for; any other preview is bound to none.
ALTER TABLE previews ADD COLUMN request_id uuid REFERENCES delete_all_requests;
ALTER TABLE previews ADD CONSTRAINT everyone_needs_a_request
  CHECK ((selection ->> 'type' = 'all') = (request_id IS NOT NULL));

-- Every try to move a request on, one row each. Free text is kept here and does not travel.
CREATE TABLE decisions (
  id uuid PRIMARY KEY,
  request_id uuid NOT NULL REFERENCES delete_all_requests,
  kind text NOT NULL CHECK (kind IN
    ('approve', 'deny', 'revoke', 'withdraw', 'run', 'lapse', 'expire', 'finish', 'stop')),
  -- Who decided; none for the clock and the service, and for a message that named nobody we know.
  key_id uuid REFERENCES api_keys,
  reason text,
  preview_id uuid REFERENCES previews,
  outcome text NOT NULL DEFAULT 'pending' CHECK (outcome IN ('pending', 'accepted', 'refused')),
  refusal text,
  -- What the request was in afterwards.
  state text,
  idempotency_key text,
  request_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  UNIQUE (request_id, idempotency_key),
  CHECK ((refusal IS NOT NULL) = (outcome = 'refused')),
  CHECK ((decided_at IS NULL) = (outcome = 'pending'))
);
CREATE INDEX decisions_of_request ON decisions (request_id, created_at);

-- Whatever code runs: what has ended stays ended, an approval is given once, and no window is moved.
CREATE FUNCTION guard_delete_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.finished_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'request % has ended', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.closes_at IS NOT NULL AND
     (NEW.opens_at, NEW.closes_at) IS DISTINCT FROM (OLD.opens_at, OLD.closes_at) THEN
    RAISE EXCEPTION 'the window of request % is not moved', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON delete_all_requests
  FOR EACH ROW EXECUTE FUNCTION guard_delete_all();

CREATE FUNCTION guard_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'decision % is taken', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON decisions
  FOR EACH ROW WHEN (OLD.outcome <> 'pending') EXECUTE FUNCTION guard_decision();

-- Mails about a request, planned for all who are to hear of it before the first is sent. The id is
-- what the provider tells one mail from another by.
CREATE TABLE request_notices (
  id uuid PRIMARY KEY,
  request_id uuid NOT NULL REFERENCES delete_all_requests,
  kind text NOT NULL,
  person text NOT NULL,
  provider_id text,
  accepted_at timestamptz,
  UNIQUE (request_id, kind, person)
);

ALTER TABLE activity ADD COLUMN request_id uuid REFERENCES delete_all_requests;

GRANT SELECT, INSERT, UPDATE ON delete_all_requests, decisions, request_notices TO keepsake_app;
