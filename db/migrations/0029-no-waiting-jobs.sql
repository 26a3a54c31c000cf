-- No job has ever been `waiting`: nothing set that state. So no row breaks the new rule.
ALTER TABLE jobs DROP CONSTRAINT jobs_state_check, ADD CONSTRAINT jobs_state_check CHECK (state IN
  ('queued', 'running', 'cancelling', 'succeeded', 'partiallySucceeded', 'failed', 'cancelled'));
