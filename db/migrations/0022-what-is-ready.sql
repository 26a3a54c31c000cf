-- What the service says of itself: whether it is ready, and when it last did what it does by the clock.

-- Which queue a worker serves; null of a worker of the version before.
ALTER TABLE worker_heartbeats ADD COLUMN task_queue text;

-- When each schedule last did all that it had to.
CREATE TABLE schedule_runs (
  schedule text PRIMARY KEY,
  succeeded_at timestamptz NOT NULL
);
GRANT SELECT ON schedule_runs TO keepsake_app;
GRANT INSERT, UPDATE ON schedule_runs TO keepsake_worker;

-- The request that a job was asked for by, as the API's log names it; null of a job that no request asked for.
ALTER TABLE jobs ADD COLUMN request_id uuid;
GRANT INSERT (request_id) ON jobs TO keepsake_api;

-- API and worker look at their start whether the schema is as new as they need it.
DO $$ BEGIN
  IF to_regclass('public.kysely_migration') IS NOT NULL THEN
    GRANT SELECT ON public.kysely_migration TO keepsake_app;
  END IF;
END $$;
