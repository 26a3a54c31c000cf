-- A list by key, or by type and state, takes the newest rows of each value by an index of its own. PostgreSQL plans it
-- before it knows the values, and ANALYZE reads a sample: where the sample held one value only, PostgreSQL expected every
-- row to match, and walked through the whole table in the order of time. These numbers of values are stated instead.
ALTER TABLE jobs
  ALTER COLUMN actor_key_id SET (n_distinct = 1000),
  ALTER COLUMN type SET (n_distinct = 10),
  ALTER COLUMN state SET (n_distinct = 10);
ALTER TABLE activity ALTER COLUMN actor_key_id SET (n_distinct = 1000);
-- They count from the next ANALYZE on.
ANALYZE jobs (actor_key_id, type, state);
ANALYZE activity (actor_key_id);
