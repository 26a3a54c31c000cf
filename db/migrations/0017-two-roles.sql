-- API and worker act under roles of their own, and states move by the rules below alone. Whoever takes over the
-- API can neither say that a backup is there nor delete by one. docs/architecture.md says what is left to each.

DO $$
DECLARE
  login regrole;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keepsake_api') THEN
    CREATE ROLE keepsake_api NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keepsake_worker') THEN
    CREATE ROLE keepsake_worker NOLOGIN;
  END IF;
  -- A login of both goes on as it did, until its operator makes two of it.
  FOR login IN SELECT m.member::regrole FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
                WHERE m.roleid = 'keepsake_app'::regrole
                  AND r.rolname NOT IN ('keepsake_api', 'keepsake_worker', current_user) LOOP
    EXECUTE format('GRANT keepsake_api, keepsake_worker TO %s', login);
  END LOOP;
  IF NOT (pg_has_role('keepsake_api', 'USAGE') AND pg_has_role('keepsake_worker', 'USAGE')) THEN
    EXECUTE format('GRANT keepsake_api, keepsake_worker TO %I', current_user);
  END IF;
  IF NOT (pg_has_role('keepsake_api', 'keepsake_app', 'USAGE')
          AND pg_has_role('keepsake_worker', 'keepsake_app', 'USAGE')) THEN
    GRANT keepsake_app TO keepsake_api, keepsake_worker;
  END IF;
EXCEPTION WHEN duplicate_object THEN
  NULL; -- another database of this cluster is being set up at the same moment
END $$;

-- What both need stays with keepsake_app: to read everything, to write users, to append to the activity log.
REVOKE INSERT ON previews, job_targets, export_attempts, export_parts, notices, activity, restore_chunks,
  import_failures, import_chunks, properties FROM keepsake_app;
REVOKE INSERT, UPDATE ON jobs, exports, outcomes, download_links, import_files, request_notices
  FROM keepsake_app;
REVOKE INSERT, UPDATE, DELETE ON worker_heartbeats, segments FROM keepsake_app;
REVOKE EXECUTE ON FUNCTION delete_backed_up_users, rehearse_deletion, admit_deletion, erase_export,
  erase_fruitless_jobs, erase_old_previews, erase_import_file, ask_to_delete_all, submit_decision,
  give_up_decision, claim_request, decide_request FROM keepsake_app;
DO $$ BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM keepsake_app', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO keepsake_worker', current_database());
END $$;

-- When a line of the log was written is the database's word. So is when a job was, and as what it begins.
GRANT INSERT (id, workspace_id, kind, actor_key_id, job_id, export_id, request_id, reason, counts, details)
  ON activity TO keepsake_app;
GRANT INSERT (id, export_id, created_by, expires_at) ON download_links TO keepsake_app;

GRANT INSERT (id, workspace_id, type, selection, options, reason, actor_key_id, preview_id, backup_id,
  import_file_id, retry_of, idempotency_key, request_hash) ON jobs TO keepsake_api;
GRANT UPDATE (state, counts, finished_at, preview_id, retry_of, error_type, error_message)
  ON jobs TO keepsake_api;
GRANT INSERT ON job_targets, previews, properties TO keepsake_api;
GRANT INSERT, UPDATE, DELETE ON segments TO keepsake_api;
-- To lock a row asks for the right to update some column.
GRANT INSERT (id, workspace_id, bytes, sha256, expires_at), UPDATE (id) ON import_files TO keepsake_api;
GRANT UPDATE (expires_at, legal_hold) ON exports TO keepsake_api;
GRANT UPDATE (revoked_at) ON download_links TO keepsake_api;
-- What is removed already: its traces may go at once.
GRANT EXECUTE ON FUNCTION ask_to_delete_all, submit_decision, give_up_decision, erase_export TO keepsake_api;

GRANT UPDATE ON jobs TO keepsake_worker;
GRANT INSERT, UPDATE ON exports, outcomes, request_notices TO keepsake_worker;
GRANT INSERT ON job_targets, export_attempts, export_parts, notices, restore_chunks, import_failures,
  import_chunks TO keepsake_worker;
GRANT UPDATE (removed_at) ON import_files TO keepsake_worker;
GRANT INSERT, UPDATE, DELETE ON worker_heartbeats TO keepsake_worker;
GRANT EXECUTE ON FUNCTION delete_backed_up_users, rehearse_deletion, admit_deletion, erase_export,
  erase_fruitless_jobs, erase_old_previews, erase_import_file, claim_request, decide_request
  TO keepsake_worker;

-- True under the worker's role and the owner's. The roles of functions are neither.
CREATE FUNCTION acts_as_worker() RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp RETURN pg_has_role(current_user, 'keepsake_worker', 'USAGE');

-- True for who may do anything anyway, such as to mend a row by hand.
CREATE FUNCTION acts_as_owner() RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp RETURN pg_has_role(current_user,
  (SELECT c.relowner FROM pg_class c WHERE c.oid = 'public.jobs'::regclass), 'USAGE');

-- What a job has come to is the worker's to say. The API ends one that has not begun, and asks one that runs
-- to stop. What has ended stays as it ended.
CREATE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  arrow constant text := OLD.state || ' ' || NEW.state;
BEGIN
  IF public.acts_as_owner() THEN RETURN NEW; END IF;
  IF OLD.finished_at IS NOT NULL AND (NEW.state, NEW.finished_at, NEW.counts)
       IS DISTINCT FROM (OLD.state, OLD.finished_at, OLD.counts) THEN
    RAISE EXCEPTION 'job % has ended', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF public.acts_as_worker() THEN RETURN NEW; END IF;
  IF OLD.state <> NEW.state
     AND arrow NOT IN ('queued cancelled', 'queued failed', 'running cancelling', 'waiting cancelling')
     OR NEW.state IN ('cancelled', 'failed') AND NEW.finished_at IS NULL
     OR arrow NOT IN ('queued cancelled', 'queued failed')
        AND (NEW.counts, NEW.finished_at, NEW.preview_id, NEW.retry_of, NEW.error_type, NEW.error_message)
          IS DISTINCT FROM
            (OLD.counts, OLD.finished_at, OLD.preview_id, OLD.retry_of, OLD.error_type, OLD.error_message)
  THEN
    RAISE EXCEPTION 'job % is not changed so by %', OLD.id, current_user USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_job BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION guard_job();

-- A job that began keeps the users it was begun for.
CREATE FUNCTION guard_targets() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_worker() THEN RETURN NULL; END IF;
  PERFORM FROM added JOIN public.jobs j ON j.id = added.job_id WHERE added.pass <> 1 OR j.state <> 'queued';
  IF FOUND THEN
    RAISE EXCEPTION 'the users of a job that has begun are not changed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER guard_targets AFTER INSERT ON job_targets REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION guard_targets();

-- A backup is kept as long as was said, and longer. Nothing is removed that a job still needs, or before its
-- time by anything but `purge_backup`.
CREATE FUNCTION guard_export() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_owner() THEN RETURN NEW; END IF;
  IF NEW.state = 'removed' AND OLD.state <> 'removed' THEN
    PERFORM FROM public.jobs j WHERE (j.id = OLD.job_id OR j.backup_id = OLD.id) AND j.finished_at IS NULL;
    IF FOUND THEN
      RAISE EXCEPTION 'a job still uses export %', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.verified_at IS NOT NULL AND OLD.expires_at > now() AND current_user <> 'keepsake_gate' THEN
      RAISE EXCEPTION 'export % has not expired', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  IF OLD.verified_at IS NOT NULL AND NEW.verified_at IS NULL THEN
    RAISE EXCEPTION 'export % was verified', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF NEW.expires_at < OLD.expires_at THEN
    RAISE EXCEPTION 'export % does not expire sooner', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_export BEFORE UPDATE ON exports FOR EACH ROW EXECUTE FUNCTION guard_export();

-- The API tells what it did. What decisions, jobs and expiry came to it does not tell, but of a job that never
-- began.
CREATE FUNCTION guard_activity() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_worker() OR current_user = 'keepsake_gate'
     OR NEW.kind IN ('exportStarted', 'importStarted', 'deletionStarted', 'restoreStarted', 'jobCancelled',
       'download', 'linkCreated', 'linkRevoked', 'holdSet', 'holdCleared', 'backupExtended', 'backupHeld',
       'backupReleased')
     OR NEW.kind LIKE '%Finished' AND EXISTS (
       SELECT FROM public.jobs j WHERE j.id = NEW.job_id AND NEW.kind = j.type || 'Finished'
          AND j.started_at IS NULL AND j.state IN ('failed', 'cancelled')) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% does not tell of %', current_user, NEW.kind USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER guard_activity BEFORE INSERT ON activity
  FOR EACH ROW EXECUTE FUNCTION guard_activity();

-- Removes a backup in the name of the platform team's key that the proof belongs to, unless it is held or in use,
-- or the same person started its deletion: else one person could delete users and then destroy their backup.
-- Who uses it is looked up once its row is locked: a batch or restore under way is waited for, one that
-- begins meanwhile waits and finds it gone.
--
-- Answers `removed`, `gone`, `own`, `held` or `inUse`, then with the job. Error KS012: it is not such a key.
CREATE FUNCTION purge_backup(p_proof bytea, p_export uuid, p_reason text, OUT status text, OUT user_job uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  purger public.api_keys;
  e public.exports;
BEGIN
  SELECT * INTO purger FROM public.api_keys WHERE id = public.key_of(p_proof) AND role = 'platform';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this key purges nothing' USING ERRCODE = 'KS012';
  END IF;
  SELECT * INTO STRICT e FROM public.exports WHERE id = p_export AND purpose = 'backup' FOR NO KEY UPDATE;
  SELECT j.id INTO user_job FROM public.jobs j
   WHERE (j.id = e.job_id OR j.backup_id = e.id) AND j.finished_at IS NULL LIMIT 1;
  status := CASE WHEN e.state = 'removed' THEN 'gone'
                 WHEN public.is_started_by(e.job_id, purger.person) THEN 'own'
                 WHEN e.legal_hold THEN 'held'
                 WHEN user_job IS NOT NULL THEN 'inUse' ELSE 'removed' END;
  IF status <> 'removed' THEN RETURN; END IF;
  UPDATE public.exports SET state = 'removed', removed_at = now(), removed_by = purger.id WHERE id = e.id;
  INSERT INTO public.activity
    (id, workspace_id, kind, actor_key_id, job_id, export_id, reason, counts, details)
  VALUES (public.new_id(), e.workspace_id, 'backupPurged', purger.id, e.job_id, e.id, p_reason,
    jsonb_build_object('users', coalesce(e.rows, 0), 'bytes', coalesce(e.bytes, 0)),
    jsonb_build_object('state', e.state, 'sha256', e.sha256, 'createdAt', e.created_at,
                       'verifiedAt', e.verified_at, 'expiresAt', e.expires_at));
END $$;

-- Whether a person, by any of their keys, started a job, an earlier one that it retries, or asked for the
-- request that it is the run of.
CREATE FUNCTION is_started_by(p_job uuid, p_person text) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp RETURN (
  WITH RECURSIVE chain AS (
    SELECT retry_of, parent_id, actor_key_id FROM public.jobs WHERE id = p_job
    UNION ALL
    SELECT j.retry_of, j.parent_id, j.actor_key_id FROM public.jobs j JOIN chain ON j.id = chain.retry_of
  ), starter AS (
    SELECT actor_key_id AS key_id FROM chain
    UNION SELECT requester_key_id FROM public.delete_all_requests r JOIN chain ON r.id = chain.parent_id)
  SELECT EXISTS (SELECT FROM starter JOIN public.api_keys k ON k.id = starter.key_id
                  WHERE k.person = p_person));

GRANT UPDATE (state, removed_at, removed_by) ON exports TO keepsake_gate;
REVOKE ALL ON FUNCTION purge_backup FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_gate;
ALTER FUNCTION purge_backup OWNER TO keepsake_gate;
REVOKE CREATE ON SCHEMA public FROM keepsake_gate;
GRANT EXECUTE ON FUNCTION purge_backup TO keepsake_api;
