-- A part of a backup that a job has put back, written in the transaction that inserts its users: what
-- is here was done, once.
CREATE TABLE restore_chunks (
  job_id uuid NOT NULL REFERENCES jobs,
  part int NOT NULL CHECK (part >= 1),
  restored int NOT NULL CHECK (restored >= 0),
  present int NOT NULL CHECK (present >= 0),
  -- Empty once they are erased.
  restored_ids text[] NOT NULL CHECK (cardinality(restored_ids) IN (0, restored)),
  committed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, part)
);
ALTER TABLE restore_chunks ALTER restored_ids SET STORAGE EXTERNAL;
GRANT SELECT, INSERT ON restore_chunks TO keepsake_app;

-- To whom a job did as asked, in batches. A user's place is the batch's and the place in it.
CREATE VIEW done_batches AS
  SELECT e.job_id, e.pass, d.attempt, d.part, d.cursor, d.deleted_ids AS user_ids,
         'deleted' AS outcome
    FROM exports e JOIN deletion_batches d ON d.export_id = e.id
  UNION ALL
  SELECT job_id, 1, 1, part, 0, restored_ids, 'restored' FROM restore_chunks;
GRANT SELECT ON done_batches TO keepsake_app;

-- A part is loaded into a temporary table before any of it is let in.
DO $$ BEGIN
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO keepsake_app', current_database());
END $$;
