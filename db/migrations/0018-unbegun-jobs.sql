-- The API ends a job that has not begun, and says no more of it than that: it dealt with nobody, and a preview or
-- an earlier job is given back, not exchanged. Its time is the database's.
CREATE OR REPLACE FUNCTION guard_job() RETURNS trigger LANGUAGE plpgsql
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
     OR NEW.preview_id <> OLD.preview_id OR NEW.retry_of <> OLD.retry_of
     OR OLD.preview_id IS NULL AND NEW.preview_id IS NOT NULL
     OR OLD.retry_of IS NULL AND NEW.retry_of IS NOT NULL
     OR OLD.finished_at IS NULL AND NEW.finished_at <> now()
     OR NEW.counts IS DISTINCT FROM OLD.counts
        AND (NEW.counts->'selected' IS DISTINCT FROM NEW.counts->'unprocessed'
             OR EXISTS (SELECT FROM jsonb_each(NEW.counts) AS told
                         WHERE key NOT IN ('selected', 'unprocessed') AND value <> '0'
                            OR jsonb_typeof(value) <> 'number' OR value < '0'))
  THEN
    RAISE EXCEPTION 'job % is not changed so by %', OLD.id, current_user USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

-- A window of days has as many hours wherever summer time begins meanwhile.
ALTER FUNCTION decide_request SET TimeZone = 'UTC';
ALTER FUNCTION begin_request SET TimeZone = 'UTC';
