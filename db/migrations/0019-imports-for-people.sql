-- Lines about users under legal hold, who stay as they are.
ALTER TABLE import_chunks ADD COLUMN held int NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE import_chunks DROP CONSTRAINT import_chunks_check1;
ALTER TABLE import_chunks ADD CONSTRAINT import_chunks_check1
  CHECK (lines = imported + merged + skipped + held + failed);
