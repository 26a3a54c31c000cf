-- Waits for the locks of others take a slice seconds, however many of its users they hold.

-- As in 0010, but that after three waits it waits for a millisecond at most, and looks once for the
-- subtransactions that wrote rows of the slice: there may be many of them, and each row is a statement.
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
        ELSE coalesce('constraint ' || nullif(constraint_name, ''), 'SQLSTATE ' || code) END;
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

-- As in 0010, but that it waits for less long: where others hold a whole table, a part takes it half a second.
-- Where triggers take long over each user, few are enough.
--
-- Returns their positions in the part, from 1, and their ids; nothing where nobody of the part can be deleted
-- now.
CREATE OR REPLACE FUNCTION rehearse_deletion(p_export uuid, p_part int, p_limit int)
RETURNS TABLE (index int, user_id text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  enough constant int := 200;
  enough_time constant interval := '5 seconds';
  began constant timestamptz := clock_timestamp();
  most_waits constant int := 3;
  backup record;
  partition regclass;
  candidate record;
  covered text[] := '{}';
  row_count int;
  seen_count int := 0;
  deleted_count int := 0;
  wait_count int := 0;
  context text;
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;
  SET CONSTRAINTS public.never_committed DEFERRED;
  INSERT INTO public.rehearsals (export_id) VALUES (p_export);
  SELECT e.workspace_id, a.snapshot, a.fingerprint, a.ended_xids, p.tids INTO backup
    FROM public.exports e
    JOIN public.export_attempts a ON a.export_id = e.id AND a.attempt = e.attempt
    JOIN public.export_parts p ON p.export_id = e.id AND p.attempt = e.attempt AND p.part = p_part
   WHERE e.id = p_export AND e.purpose = 'backup' AND e.state = 'verified'
     AND a.xmin = a.recorded_in::xid;
  IF NOT FOUND THEN RETURN; END IF;
  EXECUTE format('LOCK TABLE public.%I IN ROW EXCLUSIVE MODE', 'users_' || backup.workspace_id);
  partition := format('public.%I', 'users_' || backup.workspace_id)::regclass;
  -- Nobody can be deleted by this backup any more.
  IF public.users_fingerprint(partition) IS DISTINCT FROM backup.fingerprint THEN RETURN; END IF;
  PERFORM set_config('lock_timeout', '100ms', true);
  FOR candidate IN EXECUTE format($sql$
      SELECT t.index::int AS index, t.tid, found.*
        FROM unnest($1) WITH ORDINALITY AS t (tid, index) CROSS JOIN LATERAL (
          -- OFFSET keeps the planner from reading the whole partition for the first few.
          SELECT u.user_id, ARRAY(
                   SELECT key FROM json_each_text(row_to_json(u.*)) WHERE value IS NOT NULL) AS known
            FROM ONLY %s u
           WHERE u.ctid = t.tid AND NOT u.legal_hold
             AND public.is_unchanged_since(u.written_in, u.xmin, $2, $3)
          OFFSET 0) AS found
    $sql$, partition) USING backup.tids, backup.snapshot, backup.ended_xids
  LOOP
    EXIT WHEN deleted_count > 0 AND clock_timestamp() - began > enough_time;
    EXIT WHEN deleted_count >= p_limit OR (seen_count >= enough AND deleted_count > 0)
      OR (wait_count >= most_waits AND (deleted_count > 0 OR wait_count >= enough));
    seen_count := seen_count + 1;
    CONTINUE WHEN candidate.known <@ covered;
    BEGIN
      EXECUTE format('DELETE FROM ONLY %1$s WHERE ctid IN (
        SELECT ctid FROM ONLY %1$s WHERE ctid = $1 FOR UPDATE SKIP LOCKED)', partition)
        USING candidate.tid;
      GET DIAGNOSTICS row_count = ROW_COUNT;
    EXCEPTION WHEN OTHERS OR assert_failure THEN
      GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
      IF SQLSTATE = '55P03' THEN wait_count := wait_count + 1;
      ELSIF NOT public.is_error_of_a_row(SQLSTATE, context) THEN RAISE;
      END IF;
      -- The batch leaves out whom others hold. Nobody goes before a rehearsal has found somebody.
      IF wait_count = most_waits THEN PERFORM set_config('lock_timeout', '1ms', true); END IF;
      CONTINUE;
    END;
    CONTINUE WHEN row_count <> 1;
    deleted_count := deleted_count + 1;
    covered := ARRAY(SELECT unnest(covered) UNION SELECT unnest(candidate.known));
    RETURN QUERY SELECT candidate.index, candidate.user_id;
  END LOOP;
END $$;
