-- The API ends a job that has not begun, and says no more of it than that: it dealt with nobody, and a preview or
-- an earlier job is given back, not exchanged. Its time is the database's. 0017 has what else it may change.
CREATE FUNCTION guard_unbegun_job() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_worker() THEN RETURN NEW; END IF;
  IF NEW.finished_at <> now()
     OR NEW.preview_id IS NOT NULL AND NEW.preview_id IS DISTINCT FROM OLD.preview_id
     OR NEW.retry_of IS NOT NULL AND NEW.retry_of IS DISTINCT FROM OLD.retry_of
     OR NEW.counts IS DISTINCT FROM OLD.counts
        AND (NEW.counts->'selected' IS DISTINCT FROM NEW.counts->'unprocessed'
             OR EXISTS (SELECT FROM jsonb_each(NEW.counts) AS told
                         WHERE key NOT IN ('selected', 'unprocessed') AND value <> '0'
                            OR jsonb_typeof(value) <> 'number' OR value < '0'))
  THEN
    RAISE EXCEPTION 'job % is not ended so by %', OLD.id, current_user USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_unbegun_job BEFORE UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
  EXECUTE FUNCTION guard_unbegun_job();

-- A window of days has as many hours wherever summer time begins meanwhile.
ALTER FUNCTION decide_request SET TimeZone = 'UTC';
ALTER FUNCTION begin_request SET TimeZone = 'UTC';
