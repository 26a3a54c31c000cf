-- Backups are kept as long as they are promised, whatever a clock or a delay does.

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

-- A job may wait for weeks between its backup and the deletion, for example for a worker. Users that are deleted by a
-- backup must be restorable for a while. So a backup of which less than three weeks are left deletes nobody. The
-- deletion then makes a new backup, as for any backup that is not valid any more. A hold changes nothing: it may end
-- on the day after.
SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
  $old$e.purpose = 'backup' AND e.state = 'verified'
$old$, $new$e.purpose = 'backup' AND e.state = 'verified'
     AND e.expires_at > now() + interval '21 days'
$new$);

-- The clock of a host may jump ahead, also by months, and be corrected later. By then no backup may be destroyed that
-- has not expired. So expired exports are removed up to a watched time, which follows the clock, but by no more than
-- four hours at a time, twice an hour at most. After a jump, and after the service was off, it falls behind. Then it
-- catches up. A clock that is set back sets the watched time back.
CREATE TABLE expiry_watch (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  watched_to timestamptz NOT NULL,
  -- In the half hour after this, the watched time is not moved by another step.
  stepped_at timestamptz NOT NULL
);
INSERT INTO expiry_watch (watched_to, stepped_at) VALUES (now(), now());
GRANT SELECT ON expiry_watch TO keepsake_app, keepsake_gate, keepsake_eraser;
GRANT UPDATE ON expiry_watch TO keepsake_eraser;

-- Returns the seconds that the watched time is behind the clock.
CREATE FUNCTION advance_expiry_watch() RETURNS float8 LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE public.expiry_watch SET
    watched_to = CASE WHEN now() <= watched_to + interval '4 hours' THEN now()
                      WHEN now() BETWEEN stepped_at - interval '1 minute' AND stepped_at + interval '30 minutes' THEN watched_to
                      ELSE watched_to + interval '4 hours' END,
    stepped_at = CASE WHEN now() BETWEEN stepped_at - interval '1 minute' AND stepped_at + interval '30 minutes' THEN stepped_at
                      ELSE now() END
  RETURNING extract(epoch FROM now() - watched_to)::float8;
END;
REVOKE ALL ON FUNCTION advance_expiry_watch FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_eraser;
ALTER FUNCTION advance_expiry_watch OWNER TO keepsake_eraser;
REVOKE CREATE ON SCHEMA public FROM keepsake_eraser;
GRANT EXECUTE ON FUNCTION advance_expiry_watch TO keepsake_worker;

SELECT pg_temp.change_function('guard_export()',
  'OLD.expires_at > now() AND',
  'OLD.expires_at > least(now(), (SELECT w.watched_to FROM public.expiry_watch w)) AND');
