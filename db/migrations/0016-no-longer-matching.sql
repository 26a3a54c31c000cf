-- Users whom a deletion left because they no longer match its selection: a retry of it leaves them out,
-- and whether a job can be retried is asked for each job of a list.
CREATE INDEX outcomes_no_longer_matching ON outcomes (job_id) WHERE reason = 'noLongerMatches';
