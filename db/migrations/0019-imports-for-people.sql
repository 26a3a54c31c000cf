-- Lines about users under legal hold, who stay as they are.
ALTER TABLE import_chunks ADD COLUMN held int NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE import_chunks DROP CONSTRAINT import_chunks_check1;
ALTER TABLE import_chunks ADD CONSTRAINT import_chunks_check1
  CHECK (lines = imported + merged + skipped + held + failed);

-- How many values an import has made unknown, by field as the API calls it. Names and numbers, nothing of users.
CREATE TABLE import_cleared (
  job_id uuid NOT NULL REFERENCES jobs,
  field text NOT NULL,
  count bigint NOT NULL CHECK (count > 0),
  PRIMARY KEY (job_id, field)
);
GRANT SELECT ON import_cleared TO keepsake_app;
GRANT INSERT, UPDATE (count) ON import_cleared TO keepsake_worker;

-- For names of columns the property that each is for, kept under a name.
CREATE TABLE import_mappings (
  workspace_id text NOT NULL REFERENCES workspaces,
  name text COLLATE "C" NOT NULL,
  columns jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, name)
);
GRANT SELECT ON import_mappings TO keepsake_app;
GRANT INSERT (workspace_id, name, columns), UPDATE (columns, updated_at), DELETE ON import_mappings
  TO keepsake_api;

-- How many lines of an import break which rule, by field; the empty one is a line as a whole.
CREATE TABLE import_problems (
  job_id uuid NOT NULL REFERENCES jobs,
  field text NOT NULL,
  rule text NOT NULL,
  count bigint NOT NULL CHECK (count > 0),
  first_line int NOT NULL CHECK (first_line >= 1),
  PRIMARY KEY (job_id, field, rule)
);
GRANT SELECT ON import_problems TO keepsake_app;
GRANT INSERT, UPDATE (count, first_line) ON import_problems TO keepsake_worker;
