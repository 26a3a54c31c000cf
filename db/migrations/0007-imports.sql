-- Files that were uploaded to be imported. The file is durable before its row is written, and when it
-- goes the row says so first.
CREATE TABLE import_files (
  id uuid PRIMARY KEY,
  workspace_id text NOT NULL REFERENCES workspaces,
  bytes bigint NOT NULL CHECK (bytes > 0),
  sha256 text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  -- `destroyed_at` says when the file and the traces of its users were gone.
  removed_at timestamptz,
  destroyed_at timestamptz CHECK (destroyed_at IS NULL OR removed_at IS NOT NULL)
);
CREATE INDEX import_files_to_expire ON import_files (expires_at) WHERE removed_at IS NULL;

-- A job is written before the row of the file it brings along: whether it is the first of its
-- idempotency key is known only then.
ALTER TABLE jobs ADD COLUMN import_file_id uuid
  REFERENCES import_files DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE jobs ADD CONSTRAINT imports_have_a_file
  CHECK ((type = 'import') = (import_file_id IS NOT NULL));
CREATE INDEX jobs_import_file ON jobs (import_file_id) WHERE import_file_id IS NOT NULL;

-- Lines that were not imported, as CSV.
CREATE TABLE import_failures (
  job_id uuid NOT NULL REFERENCES jobs,
  line int NOT NULL CHECK (line >= 1),
  payload text NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  PRIMARY KEY (job_id, line)
);

-- A chunk of the file that a job has dealt with, written in the transaction that writes its users: what
-- is here was done, once.
CREATE TABLE import_chunks (
  job_id uuid NOT NULL REFERENCES jobs,
  chunk int NOT NULL CHECK (chunk >= 1),
  lines int NOT NULL,
  imported int NOT NULL CHECK (imported >= 0),
  merged int NOT NULL CHECK (merged >= 0),
  unchanged int NOT NULL CHECK (unchanged BETWEEN 0 AND merged),
  skipped int NOT NULL CHECK (skipped >= 0),
  failed int NOT NULL CHECK (failed >= 0),
  committed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, chunk),
  CHECK (lines = imported + merged + skipped + failed)
);

GRANT SELECT, INSERT, UPDATE ON import_files TO keepsake_app;
GRANT SELECT, INSERT ON import_failures, import_chunks TO keepsake_app;

-- Erases the traces of a removed file's users in all jobs that read it. Safe to call again.
--
-- Error KS007: it is not removed, or a job that needs it has not ended.
CREATE FUNCTION erase_import_file(p_file uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM public.import_files WHERE id = p_file AND removed_at IS NOT NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'import file % is not removed', p_file USING ERRCODE = 'KS007';
  END IF;
  PERFORM FROM public.jobs WHERE import_file_id = p_file AND finished_at IS NULL;
  IF FOUND THEN
    RAISE EXCEPTION 'a job still uses import file %', p_file USING ERRCODE = 'KS007';
  END IF;
  PERFORM public.erase_job(id) FROM public.jobs WHERE import_file_id = p_file;
  UPDATE public.import_files SET destroyed_at = now() WHERE id = p_file AND destroyed_at IS NULL;
END $$;

GRANT SELECT, UPDATE (destroyed_at) ON import_files TO keepsake_eraser;
GRANT SELECT, DELETE ON import_failures TO keepsake_eraser;
REVOKE ALL ON FUNCTION erase_import_file FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_eraser;
ALTER FUNCTION erase_import_file OWNER TO keepsake_eraser;
REVOKE CREATE ON SCHEMA public FROM keepsake_eraser;
GRANT EXECUTE ON FUNCTION erase_import_file TO keepsake_app;
