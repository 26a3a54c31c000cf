-- What becomes of a request to delete every user is decided here, by what stands here and by this clock.
-- Neither API nor worker writes a request or a decision itself.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keepsake_gate') THEN
    CREATE ROLE keepsake_gate NOLOGIN;
  END IF;
  IF NOT (pg_has_role('keepsake_gate', 'USAGE')) THEN
    EXECUTE format('GRANT keepsake_gate TO %I', current_user);
  END IF;
EXCEPTION WHEN duplicate_object THEN
  NULL; -- another database of this cluster is being set up at the same moment
END $$;
GRANT USAGE ON SCHEMA public TO keepsake_gate;

-- A key is stored as the hash of its proof, and the proof is the hash of the key. The API hands the proof
-- on, so it can act for those only who have called it; what is stored proves nothing.
UPDATE api_keys SET hash = sha256(hash);
-- What people are shown of a key in place of its id: a version 8 UUID, made of a hash.
CREATE FUNCTION shown_id_of(p_id uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128),
                'hex')::uuid
    FROM (SELECT substr(sha256(uuid_send(p_id)), 1, 16) AS hash) AS hashed
$$;
ALTER TABLE api_keys ADD COLUMN shown_id uuid NOT NULL UNIQUE
  GENERATED ALWAYS AS (shown_id_of(id)) STORED;

-- The key that a proof belongs to, unless it was revoked.
CREATE FUNCTION key_of(p_proof bytea) RETURNS uuid LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (SELECT id FROM public.api_keys WHERE hash = sha256(p_proof) AND revoked_at IS NULL);

-- The time that decides; a function of its own, so that a test can be at another.
CREATE FUNCTION decision_time() RETURNS timestamptz LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp RETURN clock_timestamp();

-- A version 7 UUID: ids made one after another are in that order.
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(overlay(uuid_send(gen_random_uuid())
           PLACING substring(int8send(micros / 1000) FROM 3)
                   || substring(int4send(28672 + (micros % 1000 * 4096 / 1000)::int) FROM 3)
           FROM 1 FOR 8), 'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros) AS now
$$;

-- How long a request waits and how long its window is stands in its row from the beginning.
ALTER TABLE delete_all_requests ADD COLUMN window_length interval;
ALTER TABLE delete_all_requests DISABLE TRIGGER guard;
-- Nobody was to have more than 30 days. What was forged is cut to that.
UPDATE delete_all_requests SET closes_at = opens_at + interval '30 days'
 WHERE closes_at > opens_at + interval '30 days';
UPDATE delete_all_requests SET lapses_at = coalesce(asked_at, created_at) + interval '30 days'
 WHERE lapses_at NOT BETWEEN coalesce(asked_at, created_at) + interval '1 second'
                         AND coalesce(asked_at, created_at) + interval '30 days';
UPDATE delete_all_requests SET closes_at = opens_at + interval '1 second'
 WHERE closes_at < opens_at + interval '1 second';
UPDATE delete_all_requests r
   SET window_length = coalesce(r.closes_at - r.opens_at, s.window_length),
       asked_at = coalesce(r.asked_at, r.created_at),
       lapses_at = coalesce(r.lapses_at, coalesce(r.asked_at, r.created_at) + s.lapse)
  FROM delete_all_settings s;
ALTER TABLE delete_all_requests ENABLE TRIGGER guard;
ALTER TABLE delete_all_requests
  ALTER window_length SET NOT NULL,
  ALTER asked_at SET NOT NULL,
  ALTER lapses_at SET NOT NULL,
  ADD CHECK (window_length BETWEEN '1 second' AND '30 days'),
  ADD CHECK (lapses_at - asked_at BETWEEN '1 second' AND '30 days'),
  ADD CHECK (closes_at - opens_at = window_length);

ALTER TABLE decisions ADD COLUMN job_id uuid REFERENCES jobs;
ALTER TABLE decisions DROP CONSTRAINT decisions_kind_check;
ALTER TABLE decisions ADD CONSTRAINT decisions_kind_check CHECK (kind IN
  ('approve', 'deny', 'revoke', 'withdraw', 'run', 'retry', 'lapse', 'expire', 'finish', 'stop', 'unknown'));

CREATE FUNCTION begin_request() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settings public.delete_all_settings;
BEGIN
  SELECT * INTO settings FROM public.delete_all_settings;
  NEW.state := 'requested';
  NEW.asked_at := public.decision_time();
  NEW.lapses_at := NEW.asked_at + settings.lapse;
  NEW.window_length := settings.window_length;
  NEW.opens_at := NULL; NEW.closes_at := NULL; NEW.job_id := NULL; NEW.run_id := NULL;
  NEW.finished_at := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER begin_request BEFORE INSERT ON delete_all_requests
  FOR EACH ROW EXECUTE FUNCTION begin_request();

-- True while somebody may still run something in the request's window: it waits for a run, or its run
-- left users that a retry may take. For so long it can be revoked and withdrawn.
CREATE FUNCTION is_usable(r delete_all_requests) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN r.state IN ('open', 'failed', 'completedWithFailures');

-- Whatever code runs: what has ended stays ended unless it is still usable, a request moves along the
-- arrows of the diagram only, and its times are never written again.
CREATE OR REPLACE FUNCTION guard_delete_all() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  arrow constant text := OLD.state || ' ' || NEW.state;
BEGIN
  IF OLD.finished_at IS NOT NULL AND NEW IS DISTINCT FROM OLD
     AND NOT (public.is_usable(OLD) AND public.decision_time() < OLD.closes_at) THEN
    RAISE EXCEPTION 'request % has ended', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF (NEW.asked_at, NEW.lapses_at, NEW.window_length)
       IS DISTINCT FROM (OLD.asked_at, OLD.lapses_at, OLD.window_length)
     OR OLD.closes_at IS NOT NULL
        AND (NEW.opens_at, NEW.closes_at) IS DISTINCT FROM (OLD.opens_at, OLD.closes_at) THEN
    RAISE EXCEPTION 'the window of request % is not moved', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF (NEW.id, NEW.workspace_id, NEW.requester_key_id, NEW.reason, NEW.created_at)
     IS DISTINCT FROM (OLD.id, OLD.workspace_id, OLD.requester_key_id, OLD.reason, OLD.created_at) THEN
    RAISE EXCEPTION 'request % keeps who asked for what', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF OLD.state <> NEW.state AND arrow NOT IN (
       'requested open', 'requested denied', 'requested withdrawn', 'requested lapsed',
       'requested cancelled', 'open running', 'open withdrawn', 'open revoked', 'open expired',
       'open cancelled', 'running completed', 'running completedWithFailures', 'running failed',
       'running cancelled', 'running open', 'running expired',
       'failed running', 'failed revoked', 'failed withdrawn',
       'completedWithFailures running', 'completedWithFailures revoked',
       'completedWithFailures withdrawn') THEN
    RAISE EXCEPTION 'request % does not go from % to %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

-- How many users a deletion has left that a retry may take; null while it has not ended.
CREATE FUNCTION left_by(j jobs) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN j.finished_at IS NOT NULL AND j.erased_at IS NULL THEN
  coalesce((j.counts->>'failed')::bigint, 0) + coalesce((j.counts->>'changedSinceBackup')::bigint, 0)
  + coalesce((j.counts->>'unprocessed')::bigint, 0) END;

-- Why whoever holds the key may not decide this; null when they may. The platform team judges what somebody
-- else asked for; the workspace acts; ops may only try again.
CREATE FUNCTION refuse_decider(r delete_all_requests, p_kind text, p_key uuid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  decider public.api_keys;
  is_admin boolean;
BEGIN
  SELECT * INTO decider FROM public.api_keys WHERE id = p_key;
  IF NOT FOUND THEN RETURN 'unknownKey'; END IF;
  IF decider.revoked_at IS NOT NULL THEN RETURN 'revokedKey'; END IF;
  is_admin := decider.role = 'admin' AND decider.workspace_id = r.workspace_id;
  IF p_kind IN ('withdraw', 'run') THEN
    RETURN CASE WHEN NOT is_admin THEN 'wrongRole' END;
  END IF;
  IF p_kind = 'retry' THEN
    RETURN CASE WHEN NOT is_admin AND decider.role <> 'ops' THEN 'wrongRole' END;
  END IF;
  IF decider.role <> 'platform' THEN RETURN 'wrongRole'; END IF;
  IF p_kind IN ('approve', 'deny') AND decider.person =
       (SELECT person FROM public.api_keys WHERE id = r.requester_key_id) THEN
    RETURN 'selfApproval';
  END IF;
  RETURN NULL;
END $$;

-- What a preview is good for as the confirmation of a run.
CREATE FUNCTION refuse_preview(p_request uuid, p_preview uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN p.request_id IS DISTINCT FROM p_request THEN 'notConfirmed'
              WHEN EXISTS (SELECT FROM public.jobs WHERE preview_id = p.id) THEN 'previewUsed'
              WHEN p.expires_at <= now() THEN 'previewExpired' END
    FROM (SELECT p_preview AS id) AS named LEFT JOIN public.previews p USING (id)
$$;

-- The rules of deleting everyone: where somebody or something leads a request, or why it is refused. Writes
-- nothing, so the API may ask it as well. Whoever goes by the answer holds the request's row.
CREATE FUNCTION judge_decision(
  r delete_all_requests, p_kind text, p_key uuid, p_has_reason boolean, p_preview uuid, p_job uuid,
  OUT to_state text, OUT refusal text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  at constant timestamptz := public.decision_time();
  is_waiting constant boolean := r.state = 'requested';
  in_window constant boolean := coalesce(at < r.closes_at, false);
  run public.jobs;
BEGIN
  IF p_kind IN ('approve', 'deny', 'revoke', 'withdraw', 'run', 'retry') THEN
    refusal := public.refuse_decider(r, p_kind, p_key);
    IF refusal IS NOT NULL THEN RETURN; END IF;
  END IF;

  IF p_kind IN ('approve', 'deny') OR p_kind = 'withdraw' AND is_waiting THEN
    refusal := CASE WHEN p_kind = 'deny' AND NOT p_has_reason THEN 'reasonRequired'
                    WHEN NOT is_waiting THEN 'wrongState'
                    WHEN at >= r.lapses_at THEN 'tooLate' END;
    to_state := CASE p_kind WHEN 'approve' THEN 'open' WHEN 'deny' THEN 'denied' ELSE 'withdrawn' END;

  ELSIF p_kind IN ('withdraw', 'revoke') THEN
    refusal := CASE WHEN NOT public.is_usable(r) THEN 'wrongState' WHEN NOT in_window THEN 'tooLate' END;
    to_state := CASE p_kind WHEN 'revoke' THEN 'revoked' ELSE 'withdrawn' END;

  ELSIF p_kind = 'run' THEN
    refusal := CASE WHEN r.state <> 'open' THEN 'wrongState' WHEN NOT in_window THEN 'tooLate'
                    ELSE public.refuse_preview(r.id, p_preview) END;
    to_state := 'running';

  ELSIF p_kind = 'retry' THEN
    SELECT * INTO run FROM public.jobs WHERE id = p_job AND id = r.job_id;
    refusal := CASE
      WHEN NOT public.is_usable(r) THEN 'wrongState'
      WHEN NOT in_window THEN 'tooLate'
      WHEN coalesce(public.left_by(run), 0) = 0
        OR EXISTS (SELECT FROM public.jobs WHERE retry_of = run.id)
        OR EXISTS (SELECT FROM public.delete_all_requests other
                    WHERE other.workspace_id = r.workspace_id AND other.id <> r.id
                      AND other.finished_at IS NULL) THEN 'wrongState' END;
    to_state := 'running';

  ELSIF p_kind = 'lapse' THEN
    refusal := CASE WHEN NOT is_waiting THEN 'wrongState' WHEN at < r.lapses_at THEN 'tooEarly' END;
    to_state := 'lapsed';

  ELSIF p_kind = 'expire' THEN
    refusal := CASE WHEN r.state <> 'open' THEN 'wrongState' WHEN in_window THEN 'tooEarly' END;
    to_state := 'expired';

  ELSIF p_kind = 'stop' THEN
    refusal := CASE WHEN r.state NOT IN ('requested', 'open') THEN 'wrongState' END;
    to_state := 'cancelled';

  ELSIF p_kind = 'finish' THEN
    SELECT * INTO run FROM public.jobs WHERE id = r.job_id AND finished_at IS NOT NULL;
    refusal := CASE WHEN r.state <> 'running' THEN 'wrongState' WHEN NOT FOUND THEN 'stillRunning' END;
    -- A run that broke off before anybody was deleted hands the window back, as long as it is open.
    to_state := CASE
      WHEN run.state = 'succeeded' THEN 'completed'
      WHEN run.state = 'cancelled' THEN 'cancelled'
      WHEN coalesce((run.counts->>'deleted')::bigint, 0) > 0
        THEN CASE run.state WHEN 'failed' THEN 'failed' ELSE 'completedWithFailures' END
      WHEN in_window THEN 'open' ELSE 'expired' END;

  ELSE
    RAISE EXCEPTION 'there is no decision of kind %', p_kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF refusal IS NOT NULL THEN to_state := NULL; END IF;
END $$;

-- Nothing deletes everyone but what was decided: a job of a request is written under the request's lock, in
-- its window, and by the decision that leads to it.
CREATE FUNCTION guard_run() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r public.delete_all_requests;
BEGIN
  SELECT * INTO r FROM public.delete_all_requests WHERE id = NEW.parent_id FOR NO KEY UPDATE;
  IF current_user <> 'keepsake_gate' OR NOT FOUND OR NOT public.is_usable(r)
     OR public.decision_time() >= r.closes_at OR NEW.type <> 'deletion'
     OR NEW.workspace_id <> r.workspace_id THEN
    RAISE EXCEPTION 'request % does not allow a run', NEW.parent_id USING ERRCODE = 'KS011';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_run BEFORE INSERT ON jobs
  FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION guard_run();

-- Writes a line of the activity log about a request.
CREATE FUNCTION tell_of_request(
  r delete_all_requests, p_kind text, p_key uuid, p_reason text, p_job uuid, p_counts jsonb
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO public.activity (id, workspace_id, kind, actor_key_id, job_id, request_id, reason, counts)
  VALUES (public.new_id(), r.workspace_id, p_kind, p_key, p_job, r.id, p_reason, p_counts)
$$;

-- Asks in the name of the key that the proof belongs to. False when the workspace has an unfinished request,
-- or the idempotency key belongs to one already. Error KS012: it is not an admin's key.
CREATE FUNCTION ask_to_delete_all(
  p_proof bytea, p_id uuid, p_reason text, p_ticket text, p_idempotency_key text, p_request_hash text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asker public.api_keys;
  r public.delete_all_requests;
  user_count bigint;
BEGIN
  SELECT * INTO asker FROM public.api_keys WHERE id = public.key_of(p_proof) AND role = 'admin';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only an admin asks to delete everyone' USING ERRCODE = 'KS012';
  END IF;
  -- EXECUTE makes a plan of this workspace alone; one that is kept would lock the partitions of all others.
  EXECUTE 'SELECT count(*) FROM public.users WHERE workspace_id = $1' INTO user_count USING asker.workspace_id;
  INSERT INTO public.delete_all_requests
    (id, workspace_id, requester_key_id, reason, ticket, users_then, idempotency_key, request_hash)
  VALUES (p_id, asker.workspace_id, asker.id, p_reason, p_ticket, user_count, p_idempotency_key, p_request_hash)
  ON CONFLICT DO NOTHING RETURNING * INTO r;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM public.tell_of_request(r, 'deleteAllAsked', asker.id, p_reason, NULL,
    jsonb_build_object('users', r.users_then));
  RETURN true;
END $$;

-- Writes down what the holder of a key wants. What the rules refuse already is refused at once, and no
-- message needs to be sent. Answers the outcome; null when the idempotency key was used before.
CREATE FUNCTION submit_decision(
  p_proof bytea, p_id uuid, p_request uuid, p_kind text, p_reason text, p_preview uuid, p_job uuid,
  p_idempotency_key text, p_request_hash text
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r public.delete_all_requests;
  key_id constant uuid := public.key_of(p_proof);
  refused_for text;
  inserted public.decisions;
BEGIN
  IF key_id IS NULL OR p_kind NOT IN ('approve', 'deny', 'revoke', 'withdraw', 'run', 'retry') THEN
    RAISE EXCEPTION 'this key decides nothing' USING ERRCODE = 'KS012';
  END IF;
  SELECT * INTO STRICT r FROM public.delete_all_requests WHERE id = p_request FOR NO KEY UPDATE;
  SELECT j.refusal INTO refused_for
    FROM public.judge_decision(r, p_kind, key_id, p_reason IS NOT NULL, p_preview, p_job) j;
  INSERT INTO public.decisions (id, request_id, kind, key_id, reason, preview_id, job_id, idempotency_key,
    request_hash, outcome, refusal, state, decided_at)
  VALUES (p_id, r.id, p_kind, key_id, p_reason, p_preview, p_job, p_idempotency_key, p_request_hash,
    CASE WHEN refused_for IS NULL THEN 'pending' ELSE 'refused' END, refused_for,
    CASE WHEN refused_for IS NOT NULL THEN r.state END,
    CASE WHEN refused_for IS NOT NULL THEN public.decision_time() END)
  ON CONFLICT (request_id, idempotency_key) DO NOTHING RETURNING * INTO inserted;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF refused_for IS NOT NULL THEN
    PERFORM public.tell_of_request(r, 'deleteAllRefused', key_id, p_reason, r.job_id, '{}');
  END IF;
  RETURN inserted.outcome;
END $$;

-- Gives a pending decision up, so that it is never carried out. False when it was decided before.
CREATE FUNCTION give_up_decision(p_id uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.decisions SET outcome = 'refused', refusal = 'unanswered', decided_at = now()
   WHERE id = p_id AND outcome = 'pending';
  RETURN FOUND;
END $$;

-- Makes a run of the request's workflow the one that decides. False when there is no such request.
CREATE FUNCTION claim_request(p_request uuid, p_run text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r public.delete_all_requests;
BEGIN
  SELECT * INTO r FROM public.delete_all_requests WHERE id = p_request FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  IF r.finished_at IS NULL OR public.is_usable(r) AND public.decision_time() < r.closes_at THEN
    UPDATE public.delete_all_requests SET run_id = p_run WHERE id = r.id;
  END IF;
  RETURN true;
END $$;

-- Writes the deletion of everyone that a decision leads to: of a preview, or of what another run has left.
CREATE FUNCTION start_run(r delete_all_requests, p_job uuid, p_key uuid, p_reason text, p_preview uuid,
  p_retry_of uuid) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tried public.jobs;
BEGIN
  SELECT * INTO tried FROM public.jobs WHERE id = p_retry_of;
  INSERT INTO public.jobs
    (id, workspace_id, type, selection, options, reason, actor_key_id, preview_id, parent_id, retry_of)
  VALUES (p_job, r.workspace_id, 'deletion', '{"type": "all"}', coalesce(tried.options, '{"notify": true}'),
    coalesce(p_reason, tried.reason, r.reason), p_key, p_preview, r.id, p_retry_of);
  -- Exactly those who are left, where outcomes name them all; else everyone of the preview again.
  INSERT INTO public.job_targets (job_id, pass, user_id)
  SELECT p_job, 1, o.user_id FROM public.outcomes o
   WHERE o.job_id = p_retry_of AND o.outcome IN ('failed', 'changedSinceBackup', 'unprocessed')
     AND public.left_by(tried) = (SELECT count(*) FROM public.outcomes all_left WHERE all_left.job_id = p_retry_of
       AND all_left.outcome IN ('failed', 'changedSinceBackup', 'unprocessed'));
  PERFORM public.tell_of_request(r, 'deletionStarted', p_key, coalesce(p_reason, tried.reason, r.reason),
    p_job, '{}');
END $$;

-- The one way to move a request on, for the run of its workflow that claimed it. A decision is named by the
-- row that `submit_decision` wrote, or is a message's own: then the worker has proved whose key it is, and
-- `p_refusal` says why it could not be. What was decided before is answered as it was.
--
-- Answers why it was refused; null when it was accepted. Errors: KS013 there is no such request, KS014 another
-- run has claimed it.
CREATE FUNCTION decide_request(
  p_request uuid, p_run text, p_kind text, p_try uuid, p_decision uuid, p_key uuid, p_reason text,
  p_refusal text
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r public.delete_all_requests;
  d public.decisions;
  judged record;
  at timestamptz;
  new_job uuid;
  is_of_another boolean;
  is_message constant boolean :=
    p_kind IN ('approve', 'deny', 'revoke', 'withdraw', 'run', 'retry', 'unknown');
BEGIN
  SELECT * INTO r FROM public.delete_all_requests WHERE id = p_request FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no request %', p_request USING ERRCODE = 'KS013'; END IF;
  IF r.run_id IS DISTINCT FROM p_run THEN
    RAISE EXCEPTION 'another run has claimed request %', p_request USING ERRCODE = 'KS014';
  END IF;

  -- The words of a row, or the message's own. A row of another decision is left alone.
  SELECT * INTO d FROM public.decisions
   WHERE id = p_try AND request_id = r.id AND kind = p_kind FOR UPDATE;
  IF NOT FOUND THEN
    SELECT * INTO d FROM public.decisions
     WHERE id = p_decision AND request_id = r.id AND kind = p_kind FOR UPDATE;
    IF NOT FOUND THEN
      PERFORM FROM public.decisions WHERE id = p_try;
      is_of_another := FOUND;
      d.id := CASE WHEN is_of_another THEN public.new_id() ELSE p_try END; d.key_id := p_key; d.reason := p_reason; d.outcome := 'pending';
      IF p_decision IS NOT NULL OR is_of_another THEN d.refusal := 'decisionMismatch'; ELSE d.refusal := p_refusal; END IF;
    END IF;
  END IF;
  IF d.outcome <> 'pending' THEN RETURN d.refusal; END IF;

  IF d.refusal IS NULL THEN
    SELECT * INTO judged
      FROM public.judge_decision(r, p_kind, d.key_id, d.reason IS NOT NULL, d.preview_id, d.job_id);
    d.refusal := judged.refusal;
  END IF;
  -- That it is not time yet is no event: the clock and the run's end are simply asked again.
  IF d.refusal IS NOT NULL AND NOT is_message THEN RETURN d.refusal; END IF;

  at := public.decision_time();
  IF d.refusal IS NULL THEN
    IF p_kind IN ('run', 'retry') THEN
      new_job := public.new_id();
      PERFORM public.start_run(r, new_job, d.key_id, d.reason, d.preview_id, d.job_id);
    END IF;
    UPDATE public.delete_all_requests
       SET state = judged.to_state,
           opens_at = CASE p_kind WHEN 'approve' THEN at ELSE opens_at END,
           closes_at = CASE p_kind WHEN 'approve' THEN at + window_length ELSE closes_at END,
           job_id = coalesce(new_job, job_id),
           finished_at = CASE WHEN judged.to_state IN ('open', 'running') THEN NULL ELSE at END
     WHERE id = r.id RETURNING * INTO r;
  END IF;
  INSERT INTO public.decisions AS known
    (id, request_id, kind, key_id, reason, outcome, refusal, state, decided_at)
  VALUES (d.id, r.id, p_kind, (SELECT id FROM public.api_keys WHERE id = d.key_id), d.reason,
    CASE WHEN d.refusal IS NULL THEN 'accepted' ELSE 'refused' END, d.refusal, r.state, at)
  ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, refusal = excluded.refusal,
    state = excluded.state, decided_at = excluded.decided_at;
  PERFORM public.tell_of_request(r,
    'deleteAll' || CASE WHEN d.refusal IS NULL THEN initcap(p_kind) ELSE 'Refused' END,
    (SELECT id FROM public.api_keys WHERE id = d.key_id), d.reason, r.job_id, '{}');
  RETURN d.refusal;
END $$;

GRANT SELECT ON api_keys, previews, outcomes, workspaces, delete_all_settings, exports, import_files,
  users TO keepsake_gate;
GRANT SELECT, INSERT ON jobs, job_targets, activity TO keepsake_gate;
-- Locking a row asks for the right to update some column.
GRANT UPDATE (reason) ON jobs TO keepsake_gate;
GRANT SELECT, INSERT, UPDATE ON delete_all_requests, decisions TO keepsake_gate;
REVOKE INSERT, UPDATE ON delete_all_requests, decisions FROM keepsake_app;

REVOKE ALL ON FUNCTION key_of, ask_to_delete_all, submit_decision, give_up_decision, claim_request,
  start_run, tell_of_request, decide_request FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_gate;
ALTER FUNCTION key_of OWNER TO keepsake_gate;
ALTER FUNCTION ask_to_delete_all OWNER TO keepsake_gate;
ALTER FUNCTION submit_decision OWNER TO keepsake_gate;
ALTER FUNCTION give_up_decision OWNER TO keepsake_gate;
ALTER FUNCTION claim_request OWNER TO keepsake_gate;
ALTER FUNCTION start_run OWNER TO keepsake_gate;
ALTER FUNCTION tell_of_request OWNER TO keepsake_gate;
ALTER FUNCTION decide_request OWNER TO keepsake_gate;
REVOKE CREATE ON SCHEMA public FROM keepsake_gate;
GRANT EXECUTE ON FUNCTION ask_to_delete_all, submit_decision, give_up_decision, claim_request,
  decide_request TO keepsake_app;
