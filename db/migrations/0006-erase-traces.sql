-- With a backup or file go the other traces of its users: ids, outcomes, and what a selection says of
-- them. API and worker may not delete those rows; they may call the functions below, which do it for
-- what is removed already. Counts, moments, checksums and states stay as proof.

-- Nothing begins from what is gone. Whoever removes a backup, or erases a job, changes its row first
-- and only then looks for jobs that use it: one that is being written meanwhile waits here for that
-- change and sees it, or is seen by it.
CREATE FUNCTION require_source() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.backup_id IS NOT NULL THEN
    PERFORM FROM public.exports WHERE id = NEW.backup_id AND state IN ('verified', 'damaged') FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'backup % is gone', NEW.backup_id USING ERRCODE = 'KS006';
    END IF;
  END IF;
  -- A file that is not there yet comes with the job.
  IF NEW.import_file_id IS NOT NULL THEN
    PERFORM FROM public.import_files WHERE id = NEW.import_file_id AND removed_at IS NULL FOR SHARE;
    IF NOT FOUND AND NEW.retry_of IS NOT NULL THEN
      RAISE EXCEPTION 'import file % is gone', NEW.import_file_id USING ERRCODE = 'KS006';
    END IF;
  END IF;
  IF NEW.retry_of IS NOT NULL THEN
    PERFORM FROM public.jobs WHERE id = NEW.retry_of AND erased_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the users of job % are erased', NEW.retry_of USING ERRCODE = 'KS006';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER require_source BEFORE INSERT ON jobs
  FOR EACH ROW EXECUTE FUNCTION require_source();

-- The type of a selection and how many users it named.
CREATE FUNCTION erased_selection(p_selection jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'type', p_selection->'type',
    'count', coalesce(p_selection->'count', to_jsonb(jsonb_array_length(p_selection->'ids'))),
    'excludedCount', jsonb_array_length(p_selection->'excludeIds'),
    'erased', true))
$$;

-- A retry looks up the first job's snapshot in its preview, which is trusted as long as the row was
-- written by the transaction it names. One that is trusted names this transaction from now on: it too
-- began after the snapshot, on the same server. One that is not stays so.
CREATE FUNCTION erase_previews(p_ids uuid[]) RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erased int;
BEGIN
  UPDATE public.previews p SET selection = public.erased_selection(p.selection),
         recorded_in = CASE WHEN p.xmin = p.recorded_in::xid THEN pg_current_xact_id()
                            ELSE p.recorded_in END
   WHERE p.id = ANY (p_ids) AND NOT p.selection ? 'erased'
     AND p.recorded_in::xid <> pg_current_xact_id()::xid;
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END $$;

CREATE FUNCTION erase_job(p_job uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.jobs
     SET erased_at = coalesce(erased_at, now()), selection = public.erased_selection(selection)
   WHERE id = p_job AND NOT selection ? 'erased';
  DELETE FROM public.job_targets WHERE job_id = p_job;
  DELETE FROM public.outcomes WHERE job_id = p_job;
  DELETE FROM public.import_failures WHERE job_id = p_job;
  UPDATE public.restore_chunks SET restored_ids = '{}'
   WHERE job_id = p_job AND restored_ids <> '{}';
  PERFORM public.erase_previews(ARRAY[preview_id]) FROM public.jobs
   WHERE id = p_job AND preview_id IS NOT NULL;
END $$;

-- Erases the traces of a removed export's users: in its batches, in the restores from it, and, once
-- its job has no other export left, in the job. Safe to call again.
--
-- Error KS007: it is not removed, or a job that needs it has not ended.
CREATE FUNCTION erase_export(p_export uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone record;
BEGIN
  SELECT job_id, pass INTO gone FROM public.exports
   WHERE id = p_export AND state = 'removed' FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'export % is not removed', p_export USING ERRCODE = 'KS007';
  END IF;
  PERFORM FROM public.jobs WHERE (id = gone.job_id OR backup_id = p_export) AND finished_at IS NULL;
  IF FOUND THEN
    RAISE EXCEPTION 'a job still uses export %', p_export USING ERRCODE = 'KS007';
  END IF;
  UPDATE public.jobs SET erased_at = now() WHERE id = gone.job_id AND erased_at IS NULL;
  UPDATE public.deletion_batches SET deleted_ids = '{}', failed_ids = '{}', reasons = '{}'
   WHERE export_id = p_export AND (deleted_ids <> '{}' OR failed_ids <> '{}');
  DELETE FROM public.job_targets WHERE job_id = gone.job_id AND pass = gone.pass;
  PERFORM public.erase_job(id) FROM public.jobs WHERE backup_id = p_export;
  PERFORM FROM public.exports WHERE job_id = gone.job_id AND state <> 'removed';
  IF NOT FOUND THEN
    PERFORM public.erase_job(gone.job_id);
  END IF;
  UPDATE public.exports SET destroyed_at = now() WHERE id = p_export AND destroyed_at IS NULL;
END $$;

-- Erases up to so many jobs that ended 30 days ago without a file, as long as a backup is kept: those
-- they named are in no backup that could take the ids with it.
CREATE FUNCTION erase_fruitless_jobs(p_limit int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ids uuid[];
BEGIN
  SELECT array_agg(id) INTO ids FROM (
    SELECT j.id FROM public.jobs j
     WHERE j.erased_at IS NULL AND j.finished_at < now() - interval '30 days' AND j.backup_id IS NULL
       AND j.import_file_id IS NULL
       AND NOT EXISTS (SELECT FROM public.exports e WHERE e.job_id = j.id)
     ORDER BY j.finished_at LIMIT p_limit FOR NO KEY UPDATE OF j SKIP LOCKED) AS fruitless;
  PERFORM public.erase_job(id) FROM unnest(ids) AS id;
  RETURN coalesce(cardinality(ids), 0);
END $$;

-- Erases up to so many previews that nobody confirmed, a day after they expired. Those of a job go
-- with the job.
CREATE FUNCTION erase_old_previews(p_limit int) RETURNS int LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
  SELECT public.erase_previews(coalesce(array_agg(id), '{}')) FROM (
    SELECT p.id FROM public.previews p
     WHERE NOT p.selection ? 'erased' AND p.expires_at < now() - interval '1 day'
       AND NOT EXISTS (SELECT FROM public.jobs j WHERE j.preview_id = p.id)
     ORDER BY p.expires_at LIMIT p_limit) AS old
$$;

GRANT SELECT, UPDATE (destroyed_at) ON exports TO keepsake_eraser;
GRANT SELECT, UPDATE (selection, erased_at) ON jobs TO keepsake_eraser;
GRANT SELECT, UPDATE (selection, recorded_in) ON previews TO keepsake_eraser;
GRANT SELECT, UPDATE (deleted_ids, failed_ids, reasons) ON deletion_batches TO keepsake_eraser;
GRANT SELECT, UPDATE (restored_ids) ON restore_chunks TO keepsake_eraser;
GRANT SELECT, DELETE ON job_targets, outcomes TO keepsake_eraser;

REVOKE ALL ON FUNCTION erase_export, erase_job, erase_previews, erase_fruitless_jobs, erase_old_previews
  FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_eraser;
ALTER FUNCTION erase_export OWNER TO keepsake_eraser;
ALTER FUNCTION erase_job OWNER TO keepsake_eraser;
ALTER FUNCTION erase_previews OWNER TO keepsake_eraser;
ALTER FUNCTION erase_fruitless_jobs OWNER TO keepsake_eraser;
ALTER FUNCTION erase_old_previews OWNER TO keepsake_eraser;
REVOKE CREATE ON SCHEMA public FROM keepsake_eraser;
GRANT EXECUTE ON FUNCTION erase_export, erase_fruitless_jobs, erase_old_previews TO keepsake_app;
