-- A key may have an end. After it, by this clock, it is as good as revoked. It says when it was last used.
ALTER TABLE api_keys
  ADD COLUMN expires_at timestamptz,
  ADD COLUMN last_used_at timestamptz,
  ADD CONSTRAINT ends_after_it_began CHECK (expires_at > created_at);

-- The key that a proof belongs to, unless it was revoked or has expired.
CREATE OR REPLACE FUNCTION key_of(p_proof bytea) RETURNS uuid LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (SELECT id FROM public.api_keys WHERE hash = sha256(p_proof) AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > now()));

-- As 0014 has it, and a key that has expired decides as little as one that was revoked.
CREATE OR REPLACE FUNCTION refuse_decider(r delete_all_requests, p_kind text, p_key uuid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  decider public.api_keys;
  is_admin boolean;
BEGIN
  SELECT * INTO decider FROM public.api_keys WHERE id = p_key;
  IF NOT FOUND THEN RETURN 'unknownKey'; END IF;
  IF decider.revoked_at IS NOT NULL OR decider.expires_at <= now() THEN RETURN 'revokedKey'; END IF;
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

-- Keys of the platform team and of ops belong to no workspace, and neither do the lines about them. No line
-- from before is without one, so none has to be looked at.
ALTER TABLE activity ALTER workspace_id DROP NOT NULL;
ALTER TABLE activity ADD CONSTRAINT only_keys_without_workspace
  CHECK (workspace_id IS NOT NULL OR kind IN ('keyCreated', 'keyChanged', 'keyRevoked')) NOT VALID;

-- Tells the activity log of a key in the transaction of what it tells, whoever does it: that takes the owner's
-- connection, so no key is named as the actor. Of the key's own the line has neither text, hash, name nor address.
CREATE FUNCTION tell_of_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told text := 'keyCreated';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    told := CASE WHEN OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL THEN 'keyRevoked'
                 ELSE 'keyChanged' END;
  END IF;
  INSERT INTO public.activity (id, workspace_id, kind, details)
  VALUES (public.new_id(), NEW.workspace_id, told,
    jsonb_build_object('keyId', NEW.shown_id, 'role', NEW.role, 'expiresAt', NEW.expires_at));
  RETURN NULL;
END $$;
CREATE TRIGGER tell_of_new_key AFTER INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION tell_of_key();
-- That a key was used is told by its row alone.
CREATE TRIGGER tell_of_key AFTER UPDATE ON api_keys FOR EACH ROW
  WHEN ((OLD.role, OLD.workspace_id, OLD.owner_name, OLD.owner_email, OLD.hash, OLD.expires_at, OLD.revoked_at)
    IS DISTINCT FROM
    (NEW.role, NEW.workspace_id, NEW.owner_name, NEW.owner_email, NEW.hash, NEW.expires_at, NEW.revoked_at))
  EXECUTE FUNCTION tell_of_key();

-- Notes that a key was used, by its proof, unless that was noted within the last minute. Waits for nobody who
-- holds the row, and for a table that is being changed no longer than a second.
CREATE FUNCTION note_key_use(p_proof bytea) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
  UPDATE public.api_keys SET last_used_at = now()
   WHERE id = (SELECT id FROM public.api_keys WHERE hash = sha256(p_proof)
                  AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
                  FOR NO KEY UPDATE SKIP LOCKED)
$$;

GRANT UPDATE (last_used_at) ON api_keys TO keepsake_gate;
REVOKE ALL ON FUNCTION tell_of_key, note_key_use FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_gate;
ALTER FUNCTION tell_of_key OWNER TO keepsake_gate;
ALTER FUNCTION note_key_use OWNER TO keepsake_gate;
REVOKE CREATE ON SCHEMA public FROM keepsake_gate;
GRANT EXECUTE ON FUNCTION note_key_use TO keepsake_api;

-- Lists over all workspaces, newest first, and those by type and state, kind or actor. A list of several types and
-- states takes the newest of each pair, so all columns before the time are compared with one value.
CREATE INDEX jobs_newest_of_all ON jobs (created_at DESC, id DESC);
CREATE INDEX jobs_by_state ON jobs (workspace_id, type, state, created_at DESC, id DESC);
CREATE INDEX jobs_by_state_of_all ON jobs (type, state, created_at DESC, id DESC);
CREATE INDEX jobs_of_actor ON jobs (actor_key_id, created_at DESC, id DESC);
CREATE INDEX backups_newest ON exports (workspace_id, created_at DESC, id DESC) WHERE purpose = 'backup';
CREATE INDEX backups_newest_of_all ON exports (created_at DESC, id DESC) WHERE purpose = 'backup';
CREATE INDEX activity_newest_of_all ON activity (at DESC, id DESC);
CREATE INDEX activity_of_kind ON activity (kind, at DESC, id DESC);
CREATE INDEX activity_of_actor ON activity (actor_key_id, at DESC, id DESC) WHERE actor_key_id IS NOT NULL;
