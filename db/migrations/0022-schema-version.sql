-- API and worker look at their start whether the schema is as new as they need it.
DO $$ BEGIN
  IF to_regclass('public.kysely_migration') IS NOT NULL THEN
    GRANT SELECT ON public.kysely_migration TO keepsake_app;
  END IF;
END $$;
