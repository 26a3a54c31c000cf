-- Which queue a worker serves; null of a worker of the version before.
ALTER TABLE worker_heartbeats ADD COLUMN task_queue text;

-- API and worker look at their start whether the schema is as new as they need it.
DO $$ BEGIN
  IF to_regclass('public.kysely_migration') IS NOT NULL THEN
    GRANT SELECT ON public.kysely_migration TO keepsake_app;
  END IF;
END $$;
