-- The numbers of a job's error, for programs; its message has the same numbers in a sentence.
ALTER TABLE jobs ADD COLUMN error_data jsonb;
GRANT UPDATE (error_data) ON jobs TO keepsake_worker;
