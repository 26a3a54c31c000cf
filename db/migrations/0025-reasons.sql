-- A job tells why users were left, by reason, and names constraints and functions as people know them.

-- How many users each reason is given for; written with the end of a deletion or restore.
ALTER TABLE jobs ADD COLUMN reasons jsonb;

-- The name that somebody gave a constraint. Each partition has a copy of those of users, and of those that refer to
-- them, by a name of PostgreSQL's making. Looks names up by an index: it is asked for each user that is refused.
CREATE FUNCTION given_name(p_constraint text) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE up AS (
    SELECT c.conname::text AS name, c.conparentid AS parent FROM pg_constraint c
     WHERE c.conname = p_constraint
    UNION ALL
    SELECT c.conname::text, c.conparentid FROM up JOIN pg_constraint c ON c.oid = up.parent
  ), top AS (SELECT DISTINCT name FROM up WHERE parent = 0)
  -- Of two that share a copy's name nobody can say which is meant.
  SELECT CASE WHEN count(*) = 1 THEN min(name) ELSE p_constraint END FROM top
$$;

-- Why a row was refused: the constraint, or the code and the function of a trigger that raised it. That is the first
-- one that the context names, in every language; nothing else of it is told, for it may quote a row. Without a trigger it
-- is the one that deletes.
CREATE FUNCTION reason_of_refusal(p_code text, p_constraint text, p_context text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  raised_by text;
BEGIN
  IF nullif(p_constraint, '') IS NOT NULL THEN
    RETURN 'constraint ' || public.given_name(p_constraint);
  END IF;
  raised_by := (regexp_match(p_context, '^PL/pgSQL\S*(?: \S+)? ([\w.$]+)\([^()]*\)', 'n'))[1];
  RETURN 'SQLSTATE ' || p_code
    || coalesce(', raised by ' || nullif(raised_by, 'delete_users_one_by_one') || '()', '');
END $$;

-- As in 0011, but for the reason.
CREATE OR REPLACE FUNCTION delete_users_one_by_one(
  p_partition regclass, p_slice tid[], p_snapshot pg_snapshot, p_ended xid[],
  OUT deleted_ids text[], OUT failed_ids text[], OUT reasons text[]
) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  candidate constant text := format('SELECT u.user_id FROM ONLY %s u
    WHERE u.ctid = $1 AND NOT u.legal_hold
      AND public.is_unchanged_since(u.written_in, u.xmin, $2, $3)', p_partition);
  place tid;
  id text;
  locked_id text;
  deleted_before bigint;
  row_count int;
  code text;
  constraint_name text;
  context text;
  most_waits constant int := 3;
  wait_count int := 0;
  ended xid[];
BEGIN
  -- The caller's setting went with what it rolled back.
  PERFORM set_config('lock_timeout', '2s', true);
  deleted_ids := '{}'; failed_ids := '{}'; reasons := '{}';
  FOR place, ended IN EXECUTE format($sql$
      SELECT t.place, CASE WHEN found.xmin = ANY ($2) THEN ARRAY[found.xmin] ELSE '{}' END
        FROM unnest($1) AS t (place) CROSS JOIN LATERAL (
          SELECT u.xmin FROM ONLY %s u WHERE u.ctid = t.place OFFSET 0) AS found
    $sql$, p_partition) USING p_slice, p_ended
  LOOP
    EXECUTE candidate INTO id USING place, p_snapshot, ended;
    CONTINUE WHEN id IS NULL;
    EXECUTE candidate || ' FOR UPDATE SKIP LOCKED' INTO locked_id
      USING place, p_snapshot, ended;
    IF locked_id IS NULL THEN
      failed_ids := failed_ids || id; reasons := reasons || 'locked'::text;
      CONTINUE;
    END IF;
    deleted_before := pg_stat_get_xact_tuples_deleted(p_partition);
    BEGIN
      EXECUTE format('DELETE FROM ONLY %s u WHERE u.ctid = $1', p_partition) USING place;
      GET DIAGNOSTICS row_count = ROW_COUNT;
    EXCEPTION WHEN OTHERS OR assert_failure THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, constraint_name = CONSTRAINT_NAME,
        context = PG_EXCEPTION_CONTEXT;
      IF NOT public.is_error_of_a_row(code, context) THEN RAISE; END IF;
      IF code = '55P03' THEN
        wait_count := wait_count + 1;
        -- A slice full of such users would outlast the time of its statement.
        IF wait_count = most_waits THEN PERFORM set_config('lock_timeout', '1ms', true); END IF;
      END IF;
      failed_ids := failed_ids || id;
      reasons := reasons || CASE WHEN code = '55P03' THEN 'locked'
        ELSE public.reason_of_refusal(code, constraint_name, context) END;
      CONTINUE;
    END;
    IF pg_stat_get_xact_tuples_deleted(p_partition) - deleted_before <> row_count THEN
      RAISE EXCEPTION 'other users would go with one of the backup' USING ERRCODE = 'KS005';
    END IF;
    IF row_count = 1 THEN
      deleted_ids := deleted_ids || id;
    ELSE
      failed_ids := failed_ids || id; reasons := reasons || 'refused'::text;
    END IF;
  END LOOP;
END $$;
