-- A clock that is far behind makes backups that have expired as soon as the clock is right again. So no user is deleted,
-- and no file is removed, while the clock is more than a day behind the time up to which expired files were removed.

-- Changes a known piece of a function, and leaves the rest of it as it is. Its owner stays.
CREATE OR REPLACE FUNCTION pg_temp.change_function(p_function regprocedure, p_old text, p_new text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  body constant text := pg_get_functiondef(p_function);
BEGIN
  IF (length(body) - length(replace(body, p_old, ''))) <> length(p_old) THEN
    RAISE EXCEPTION '% does not hold exactly once: %', p_function, p_old;
  END IF;
  EXECUTE replace(body, p_old, p_new);
END $$;

CREATE FUNCTION has_clock_gone_back() RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT now() < w.watched_to - interval '1 day' FROM public.expiry_watch w;
END;
GRANT SELECT ON expiry_watch TO keepsake_deleter;

-- Error KS016: the clock has gone back.
SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
$old$    RAISE EXCEPTION 'fsync is off' USING ERRCODE = 'KS009';
  END IF;
$old$, $new$    RAISE EXCEPTION 'fsync is off' USING ERRCODE = 'KS009';
  END IF;
  IF public.has_clock_gone_back() IS NOT FALSE THEN
    RAISE EXCEPTION 'the clock has gone back' USING ERRCODE = 'KS016';
  END IF;
$new$);

-- The watched time never goes back. So a removal does not hide that the clock has gone back. Returns the seconds that
-- the watched time is behind the clock.
CREATE OR REPLACE FUNCTION advance_expiry_watch() RETURNS float8 LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE public.expiry_watch SET
    watched_to = CASE WHEN now() <= watched_to + interval '4 hours' THEN greatest(watched_to, now())
                      WHEN now() BETWEEN stepped_at - interval '1 minute' AND stepped_at + interval '30 minutes' THEN watched_to
                      ELSE watched_to + interval '4 hours' END,
    stepped_at = CASE WHEN now() BETWEEN stepped_at - interval '1 minute' AND stepped_at + interval '30 minutes' THEN stepped_at
                      ELSE now() END
  RETURNING greatest(0, extract(epoch FROM now() - watched_to))::float8;
END;
