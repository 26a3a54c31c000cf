-- The phases of a job in the order in which it entered them: a list of {phase, pass, startedAt}. A phase ends as the
-- next one begins, and the last one with the job.
ALTER TABLE jobs ADD COLUMN phases jsonb NOT NULL DEFAULT '[]';
GRANT UPDATE (phases) ON jobs TO keepsake_worker;
