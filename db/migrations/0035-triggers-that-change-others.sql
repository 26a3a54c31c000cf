-- A batch changes no user whom it does not delete. Before, a trigger could update other users, and no backup held what
-- they were.

-- As in 0034.
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

-- The rows of users that PostgreSQL counts as updated. Work that was rolled back to a savepoint counts, too.
CREATE FUNCTION count_updated_users() RETURNS bigint LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(pg_stat_get_xact_tuples_updated(i.inhrelid)), 0)::bigint
    FROM pg_inherits i WHERE i.inhparent = 'public.users'::regclass
$$;

-- Whether a visible row was written by a transaction in progress, given its number: only the reader's own is visible,
-- whatever its subtransaction. A frozen row may have the number of a transaction long ago, which seems to be in the
-- future: such a number is not asked for. 2^26 is the limit of is_unchanged_since, too.
CREATE FUNCTION is_written_by(p_own xid8, p_xmin xid) RETURNS boolean LANGUAGE sql VOLATILE RETURN
  CASE WHEN age(p_xmin)::bigint - age(p_own::xid) BETWEEN -67108864 AND 0 THEN
    pg_xact_status((p_own::text::bigint + age(p_own::xid) - age(p_xmin))::text::xid8) = 'in progress' END;

-- Whether this transaction has written users that are there now. Reads whole tables.
CREATE FUNCTION has_written_users() RETURNS boolean LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
  partition regclass;
  is_found boolean;
BEGIN
  FOR partition IN
    SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = 'public.users'::regclass
       AND (pg_stat_get_xact_tuples_updated(i.inhrelid) > 0 OR current_setting('track_counts') = 'off')
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s u WHERE public.is_written_by($1, u.xmin))', partition)
      INTO is_found USING pg_current_xact_id();
    IF is_found THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;

SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
'  elsewhere_before bigint;
', '  elsewhere_before bigint;
  updated_before bigint;
');
SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
'  elsewhere_before := public.users_deleted_elsewhere(partition_oid);
', '  elsewhere_before := public.users_deleted_elsewhere(partition_oid);
  updated_before := public.count_updated_users();
');
-- At the end, because triggers may belong to any table that a batch writes to.
SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
'  RETURN deleted_count;
', $new$  IF (public.count_updated_users() <> updated_before OR current_setting('track_counts') = 'off')
    AND public.has_written_users() THEN
    RAISE EXCEPTION 'a trigger would change users' USING ERRCODE = 'KS005';
  END IF;
  RETURN deleted_count;
$new$);
