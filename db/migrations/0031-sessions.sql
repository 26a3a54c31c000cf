-- Sessions of browsers: a cookie in place of a key. decisions/0028-sessions.md gives the reasons.

-- A session is looked up as a key is: the cookie is hashed to a proof, and the table stores the hash of the proof. So a
-- stored value proves nothing. Only the functions below write rows.
CREATE TABLE sessions (
  hash bytea PRIMARY KEY,
  key_id uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_key ON sessions (key_id, created_at);

-- Whether a session counts: it has not expired, was used lately, and its key is neither revoked nor expired. Uses the
-- clock, not the start of the transaction: no transaction prolongs a session by staying open.
CREATE FUNCTION is_session_live(s sessions) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.expires_at > clock_timestamp() AND s.last_used_at > clock_timestamp() - interval '2 hours'
     AND EXISTS (SELECT FROM public.api_keys k WHERE k.id = s.key_id AND k.revoked_at IS NULL
                    AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp()))
$$;

-- The key that a proof of the key itself belongs to, unless the key was revoked or has expired.
--
-- Error KS012: the isolation is not READ COMMITTED. An older snapshot would still show a key or session that has ended.
CREATE FUNCTION key_of_its_proof(p_proof bytea) RETURNS uuid LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'proofs are checked under READ COMMITTED only' USING ERRCODE = 'KS012';
  END IF;
  RETURN (SELECT id FROM public.api_keys WHERE hash = sha256(p_proof) AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > clock_timestamp()));
END $$;

-- As in 0023, but also accepts the proof of a live session of the key. Errors as in `key_of_its_proof`.
CREATE OR REPLACE FUNCTION key_of(p_proof bytea) RETURNS uuid LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(public.key_of_its_proof(p_proof),
    (SELECT s.key_id FROM public.sessions s WHERE s.hash = sha256(p_proof) AND public.is_session_live(s)));
END $$;

-- Begins a session, by the proof of a key. The proof of a session is not accepted: no session can replace itself by a
-- longer one. `p_session` is the proof of the new session. Keeps the newest 100 sessions of the key. Counts as a use of
-- the key. Does not wait for rows that others have locked.
--
-- Returns the end of the session; null if the proof belongs to no valid key.
CREATE FUNCTION begin_session(p_proof bytea, p_session bytea) RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  holder public.api_keys;
  ends_at timestamptz;
BEGIN
  SELECT * INTO holder FROM public.api_keys WHERE id = public.key_of_its_proof(p_proof);
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO public.sessions (hash, key_id, expires_at)
  VALUES (sha256(p_session), holder.id, least(clock_timestamp() + interval '12 hours', holder.expires_at))
  RETURNING expires_at INTO ends_at;
  DELETE FROM public.sessions WHERE hash IN (
    SELECT s.hash FROM public.sessions s WHERE s.key_id = holder.id ORDER BY s.created_at DESC OFFSET 100
       FOR UPDATE SKIP LOCKED);
  PERFORM public.note_key_use(p_proof);
  RETURN ends_at;
END $$;

-- Ends the sessions that these proofs belong to. Other proofs are ignored.
CREATE FUNCTION end_sessions(p_sessions bytea[]) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM public.sessions WHERE hash IN (SELECT sha256(proof) FROM unnest(p_sessions) AS proof)
$$;

-- Deletes the sessions that have ended, except locked rows. Returns their number. Reads the whole table, which has few
-- rows.
CREATE FUNCTION erase_ended_sessions() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased bigint;
BEGIN
  DELETE FROM public.sessions WHERE hash IN (
    SELECT s.hash FROM public.sessions s WHERE NOT public.is_session_live(s) FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;

-- As in 0023, but also records the use of a session, and of its key. A session that has ended does not become live again.
CREATE OR REPLACE FUNCTION note_key_use(p_proof bytea) RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
  UPDATE public.sessions SET last_used_at = clock_timestamp()
   WHERE hash = (SELECT s.hash FROM public.sessions s WHERE s.hash = sha256(p_proof)
                    AND s.last_used_at < clock_timestamp() - interval '1 minute' AND public.is_session_live(s)
                    FOR NO KEY UPDATE SKIP LOCKED);
  UPDATE public.api_keys SET last_used_at = now()
   WHERE id = (SELECT id FROM public.api_keys WHERE id = public.key_of(p_proof)
                  AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
                  FOR NO KEY UPDATE SKIP LOCKED)
$$;

GRANT SELECT ON sessions TO keepsake_api;
GRANT SELECT, INSERT (hash, key_id, expires_at), UPDATE (last_used_at), DELETE ON sessions TO keepsake_gate;
REVOKE ALL ON FUNCTION key_of_its_proof, begin_session, end_sessions, erase_ended_sessions FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_gate;
ALTER FUNCTION key_of_its_proof OWNER TO keepsake_gate;
ALTER FUNCTION begin_session OWNER TO keepsake_gate;
ALTER FUNCTION end_sessions OWNER TO keepsake_gate;
ALTER FUNCTION erase_ended_sessions OWNER TO keepsake_gate;
REVOKE CREATE ON SCHEMA public FROM keepsake_gate;
GRANT EXECUTE ON FUNCTION begin_session, end_sessions TO keepsake_api;
GRANT EXECUTE ON FUNCTION erase_ended_sessions TO keepsake_worker;
