-- Webhooks: who is told of the end of a workspace's jobs. What is to be told is written by a trigger, in the
-- transaction that writes the end itself, so that no crash loses one.

CREATE TABLE webhooks (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  url text NOT NULL CHECK (length(url) <= 2000),
  description text,
  event_types text[] NOT NULL CHECK (event_types <> '{}' AND event_types <@
    ARRAY['job.succeeded', 'job.partiallySucceeded', 'job.failed', 'job.cancelled']),
  disabled_at timestamptz,
  -- `byAdmin`; the service itself: `gone` as the receiver answered so, `failing` as it took nothing for days.
  disabled_reason text CHECK (disabled_reason IN ('byAdmin', 'gone', 'failing')),
  -- The first attempt that failed since one was taken.
  failing_since timestamptz,
  -- The key that changed it last.
  changed_by uuid NOT NULL REFERENCES api_keys,
  rotated_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);
CREATE INDEX webhooks_of_workspace ON webhooks (workspace_id, id);

-- The newest has no end; older ones are valid beside it until theirs.
CREATE TABLE webhook_secrets (
  id uuid PRIMARY KEY,
  webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  secret text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz
);
CREATE INDEX webhook_secrets_of_webhook ON webhook_secrets (webhook_id);

-- What is told to a webhook, once for a job. Its id is the header `webhook-id` of every attempt.
CREATE TABLE webhook_deliveries (
  id uuid PRIMARY KEY,
  webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  event_type text NOT NULL DEFAULT 'webhook.test',
  job_id uuid REFERENCES jobs,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  -- Grows with each replay; a workflow delivers one round.
  round int NOT NULL DEFAULT 1,
  attempts int NOT NULL DEFAULT 0,
  last_attempt_at timestamptz,
  last_status int,
  last_error text,
  last_duration_ms int,
  -- Until then an attempt is to have begun or ended; later the sweep looks after it.
  next_attempt_at timestamptz DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  UNIQUE (webhook_id, job_id),
  CHECK ((job_id IS NULL) = (event_type = 'webhook.test')),
  CHECK ((state = 'pending') = (finished_at IS NULL) AND (state = 'pending') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE state <> 'pending';
-- To look up those of a job.
CREATE INDEX webhook_deliveries_of_job ON webhook_deliveries (job_id) WHERE job_id IS NOT NULL;
-- One test at a time, or tests would be a way to send as much as one likes.
CREATE UNIQUE INDEX webhook_tests_pending ON webhook_deliveries (webhook_id)
  WHERE job_id IS NULL AND state = 'pending';

-- Requests with an idempotency key that made, rotated, tested or replayed something.
CREATE TABLE webhook_calls (
  workspace_id text NOT NULL REFERENCES workspaces,
  idempotency_key text NOT NULL,
  request_hash text NOT NULL,
  webhook_id uuid NOT NULL,
  delivery_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, idempotency_key)
);
CREATE INDEX webhook_calls_oldest ON webhook_calls (created_at);

-- Writes what is to be told of a job that has just ended, whoever ended it. A webhook that is being removed is
-- waited for (FOR KEY SHARE), and left out once it is gone.
CREATE FUNCTION queue_webhooks() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.webhook_deliveries (id, webhook_id, event_type, job_id)
  SELECT public.new_id(), hook.id, 'job.' || NEW.state, NEW.id
    FROM (SELECT w.id FROM public.webhooks w
           WHERE w.workspace_id = NEW.workspace_id AND w.disabled_at IS NULL
             AND 'job.' || NEW.state = ANY (w.event_types)
           ORDER BY w.id FOR KEY SHARE) AS hook
  ON CONFLICT (webhook_id, job_id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER queue_webhooks AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
  EXECUTE FUNCTION queue_webhooks();

-- Tells the activity log of a webhook in the transaction of what it tells. Of the URL the host alone: its path
-- may hold a token.
CREATE FUNCTION tell_of_webhook() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w public.webhooks;
  told text;
  changed text[] := '{}';
BEGIN
  IF TG_OP = 'DELETE' THEN w := OLD; ELSE w := NEW; END IF;
  IF TG_OP = 'UPDATE' THEN
    changed := array_remove(ARRAY[
      CASE WHEN NEW.url <> OLD.url THEN 'url' END,
      CASE WHEN NEW.description IS DISTINCT FROM OLD.description THEN 'description' END,
      CASE WHEN NEW.event_types <> OLD.event_types THEN 'eventTypes' END,
      CASE WHEN (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN 'enabled' END], NULL);
  END IF;
  told := CASE WHEN TG_OP = 'INSERT' THEN 'webhookCreated'
               WHEN TG_OP = 'DELETE' THEN 'webhookDeleted'
               WHEN NEW.rotated_at IS DISTINCT FROM OLD.rotated_at THEN 'webhookSecretRotated'
               WHEN OLD.disabled_at IS NULL AND NEW.disabled_reason IN ('gone', 'failing')
               THEN 'webhookSwitchedOff'
               WHEN changed <> '{}' THEN 'webhookChanged' END;
  IF told IS NULL THEN RETURN NULL; END IF;
  INSERT INTO public.activity (id, workspace_id, kind, actor_key_id, details)
  VALUES (public.new_id(), w.workspace_id, told,
    CASE WHEN told <> 'webhookSwitchedOff' THEN w.changed_by END,
    jsonb_build_object('webhookId', w.id, 'host', substring(w.url FROM '^[a-z]+://(\[[^]]*\]|[^/:?#]+)'),
      'eventTypes', w.event_types, 'enabled', w.disabled_at IS NULL)
    || CASE WHEN changed <> '{}' THEN jsonb_build_object('changed', changed) ELSE '{}' END
    || CASE WHEN w.disabled_reason IS NOT NULL
            THEN jsonb_build_object('disabledReason', w.disabled_reason) ELSE '{}' END);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_of_webhook AFTER INSERT OR UPDATE OR DELETE ON webhooks
  FOR EACH ROW EXECUTE FUNCTION tell_of_webhook();

-- What came of a delivery is the worker's to say. The API begins another round of one that has ended.
CREATE FUNCTION guard_delivery() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_worker() THEN RETURN NEW; END IF;
  IF OLD.state <> 'pending' AND NEW.state = 'pending' AND NEW.round = OLD.round + 1
     AND NEW.next_attempt_at = now() THEN
    -- The back-off begins anew.
    NEW.attempts := 0;
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'delivery % is not changed so by %', OLD.id, current_user USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER guard_delivery BEFORE UPDATE ON webhook_deliveries
  FOR EACH ROW EXECUTE FUNCTION guard_delivery();

-- A secret that is to end is not given more time.
CREATE FUNCTION guard_secret() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.expires_at IS NULL OR NEW.expires_at > OLD.expires_at THEN
    RAISE EXCEPTION 'secret % does not end later', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_secret BEFORE UPDATE ON webhook_secrets FOR EACH ROW EXECUTE FUNCTION guard_secret();

-- The API cannot read a secret that it has once written, nor say what came of a delivery; of its own it begins
-- tests only, for it names neither type nor job. The worker changes nothing of what people chose.
GRANT SELECT, DELETE ON webhooks TO keepsake_api;
GRANT INSERT (id, workspace_id, url, description, event_types, disabled_at, disabled_reason, changed_by),
  UPDATE (url, description, event_types, disabled_at, disabled_reason, failing_since, changed_by, rotated_at,
    updated_at) ON webhooks TO keepsake_api;
GRANT SELECT (id, webhook_id, created_at, expires_at), INSERT (id, webhook_id, secret),
  UPDATE (expires_at) ON webhook_secrets TO keepsake_api;
GRANT SELECT, INSERT (id, webhook_id), UPDATE (state, round, next_attempt_at, finished_at)
  ON webhook_deliveries TO keepsake_api;
GRANT SELECT, INSERT ON webhook_calls TO keepsake_api;

GRANT SELECT, UPDATE (failing_since, disabled_at, disabled_reason, updated_at) ON webhooks TO keepsake_worker;
GRANT SELECT, DELETE ON webhook_secrets, webhook_calls TO keepsake_worker;
GRANT SELECT, DELETE, UPDATE (state, attempts, last_attempt_at, last_status, last_error, last_duration_ms,
  next_attempt_at, finished_at) ON webhook_deliveries TO keepsake_worker;

-- To lock a row asks for the right to update some column.
GRANT SELECT, UPDATE (id) ON webhooks TO keepsake_gate;
-- To leave out what is there already asks for the right to read it.
GRANT SELECT, INSERT ON webhook_deliveries TO keepsake_gate;
REVOKE ALL ON FUNCTION queue_webhooks, tell_of_webhook FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_gate;
ALTER FUNCTION queue_webhooks OWNER TO keepsake_gate;
ALTER FUNCTION tell_of_webhook OWNER TO keepsake_gate;
REVOKE CREATE ON SCHEMA public FROM keepsake_gate;
