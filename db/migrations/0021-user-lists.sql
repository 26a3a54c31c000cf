-- Lists of users, uploaded as files: users are selected by them. decisions/0025-lists-of-users.md says how.

-- A list is there once `completed_at` is set, and until it expires. Then it is erased, complete or not.
CREATE TABLE user_lists (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  actor_key_id uuid NOT NULL REFERENCES api_keys,
  match_by text NOT NULL CHECK (match_by IN ('userId', 'email')),
  -- Different ones.
  entries int,
  -- Lines that name one of them again.
  repeated int,
  -- Lines that name none.
  empty int,
  idempotency_key text,
  request_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day',
  UNIQUE (workspace_id, idempotency_key),
  CHECK (completed_at IS NULL OR num_nulls(entries, repeated, empty) = 0)
);
CREATE INDEX user_lists_to_erase ON user_lists (expires_at);

-- Without a foreign key, whose test of each row would take longer than the row: `guard_entries` tests them together.
CREATE TABLE user_list_entries (
  list_id uuid NOT NULL,
  -- What is compared: the id, or the mail address in lower case, as `users_email` has it.
  key text COLLATE "C" NOT NULL,
  -- Of the first line that names it, and as it does.
  line int NOT NULL,
  entry text NOT NULL,
  PRIMARY KEY (list_id, key)
);

-- Users whom a list named when a preview was made: they, and nobody else, are deleted by it. Written in the
-- transaction of the preview, before it.
CREATE TABLE preview_targets (
  preview_id uuid NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (preview_id, user_id)
);

-- Mail addresses of a restore whose users are not known yet: those of deleted users are in the files of the backup
-- alone. The worker looks them up there, once, and deletes them as it writes down who they are. Those of a job that
-- broke off before stay for its retry. Without a foreign key, as above: `guard_addresses` tests them together.
CREATE TABLE job_addresses (
  job_id uuid NOT NULL,
  -- In lower case, as `user_list_entries` has it.
  address text COLLATE "C" NOT NULL,
  PRIMARY KEY (job_id, address)
);

-- What a list holds is not changed once it is complete. Whoever completes or erases it waits for entries that are
-- being written.
CREATE FUNCTION guard_entries() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  named int;
  open int;
BEGIN
  SELECT count(DISTINCT list_id) INTO named FROM added;
  SELECT count(*) INTO open FROM (
    SELECT FROM public.user_lists l WHERE l.id IN (SELECT list_id FROM added) AND l.completed_at IS NULL
       FOR SHARE) AS locked;
  IF named <> open THEN
    RAISE EXCEPTION 'a list of users that is complete is not changed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER guard_entries AFTER INSERT ON user_list_entries REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION guard_entries();

CREATE FUNCTION guard_list() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.completed_at IS NOT NULL AND NOT public.acts_as_owner() THEN
    RAISE EXCEPTION 'list % is complete', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_list BEFORE UPDATE ON user_lists FOR EACH ROW EXECUTE FUNCTION guard_list();

-- What was seen is what is confirmed: nobody is added to a preview that is there.
CREATE FUNCTION guard_preview_targets() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM (SELECT DISTINCT preview_id FROM added) AS a JOIN public.previews p ON p.id = a.preview_id;
  IF FOUND THEN
    RAISE EXCEPTION 'the users of a preview are not changed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER guard_preview_targets AFTER INSERT ON preview_targets REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION guard_preview_targets();

-- A restore that began keeps the addresses it was begun for, and no other job has any.
CREATE FUNCTION guard_addresses() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_owner() THEN RETURN NULL; END IF;
  PERFORM FROM (SELECT DISTINCT job_id FROM added) AS a LEFT JOIN public.jobs j ON j.id = a.job_id
    WHERE j.id IS NULL OR j.type <> 'restore' OR j.state <> 'queued';
  IF FOUND THEN
    RAISE EXCEPTION 'only a restore that is queued is given mail addresses' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER guard_addresses AFTER INSERT ON job_addresses REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION guard_addresses();

-- Keeps a list until the caller commits: whoever erases it waits. Error KS006: it is gone.
CREATE FUNCTION require_user_list(p_list uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM public.user_lists
    WHERE id = p_list AND completed_at IS NOT NULL AND expires_at > now() FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'list % is gone', p_list USING ERRCODE = 'KS006';
  END IF;
END $$;

-- The row first: whoever holds a share lock on it has done with the entries once it goes.
CREATE FUNCTION erase_user_list(p_list uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM public.user_lists WHERE id = p_list;
  DELETE FROM public.user_list_entries WHERE list_id = p_list;
END $$;

-- Erases the users of previews that expired an hour ago: a job that was begun by one has its own. Answers of how
-- many users. Reads the whole table, which holds those of few previews.
CREATE FUNCTION erase_preview_targets() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased bigint;
BEGIN
  DELETE FROM public.preview_targets t
   WHERE NOT EXISTS (SELECT FROM public.previews p
                      WHERE p.id = t.preview_id AND p.expires_at > now() - interval '1 hour');
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;

-- As in 0006, and with the users of previews.
CREATE OR REPLACE FUNCTION erase_previews(p_ids uuid[]) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased int;
BEGIN
  DELETE FROM public.preview_targets WHERE preview_id = ANY (p_ids);
  UPDATE public.previews p SET selection = public.erased_selection(p.selection),
         recorded_in = CASE WHEN p.xmin = p.recorded_in::xid THEN pg_current_xact_id()
                            ELSE p.recorded_in END
   WHERE p.id = ANY (p_ids) AND NOT p.selection ? 'erased'
     AND p.recorded_in::xid <> pg_current_xact_id()::xid;
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;

-- As in 0006, and with the mail addresses of restores.
CREATE OR REPLACE FUNCTION erase_job(p_job uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.jobs
     SET erased_at = coalesce(erased_at, now()), selection = public.erased_selection(selection)
   WHERE id = p_job AND NOT selection ? 'erased';
  DELETE FROM public.job_targets WHERE job_id = p_job;
  DELETE FROM public.job_addresses WHERE job_id = p_job;
  DELETE FROM public.outcomes WHERE job_id = p_job;
  DELETE FROM public.import_failures WHERE job_id = p_job;
  UPDATE public.restore_chunks SET restored_ids = '{}'
   WHERE job_id = p_job AND restored_ids <> '{}';
  PERFORM public.erase_previews(ARRAY[preview_id]) FROM public.jobs
   WHERE id = p_job AND preview_id IS NOT NULL;
END $$;

GRANT SELECT ON user_lists TO keepsake_app;
GRANT SELECT ON user_list_entries, preview_targets TO keepsake_api;
-- When a list ends is the database's word.
GRANT INSERT (id, workspace_id, actor_key_id, match_by),
  UPDATE (entries, repeated, empty, idempotency_key, request_hash, completed_at) ON user_lists TO keepsake_api;
GRANT INSERT ON user_list_entries, preview_targets TO keepsake_api;
-- To read them is to hand them on to a retry, and to count those of a job that is cancelled.
GRANT SELECT, INSERT ON job_addresses TO keepsake_api;
GRANT SELECT, DELETE ON job_addresses TO keepsake_worker;

GRANT SELECT, DELETE ON user_lists, user_list_entries, preview_targets, job_addresses TO keepsake_eraser;
REVOKE ALL ON FUNCTION erase_user_list, erase_preview_targets FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_eraser;
ALTER FUNCTION erase_user_list OWNER TO keepsake_eraser;
ALTER FUNCTION erase_preview_targets OWNER TO keepsake_eraser;
REVOKE CREATE ON SCHEMA public FROM keepsake_eraser;
GRANT EXECUTE ON FUNCTION erase_user_list TO keepsake_api, keepsake_worker;
GRANT EXECUTE ON FUNCTION erase_preview_targets TO keepsake_worker;
