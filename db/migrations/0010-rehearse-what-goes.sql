-- A rehearsal that others' locks keep from its users is no rehearsal: the step tries again before anyone goes.
-- Waits for such locks are bounded, in the rehearsal and row by row.

-- As in 0008, but for snapshots that are too old to compare ages with.
CREATE OR REPLACE FUNCTION is_unchanged_since(p_stamp xid8, p_xmin xid, p_snapshot pg_snapshot, p_ended xid[])
RETURNS boolean LANGUAGE sql STABLE RETURN
  -- All before a snapshot's xmin is visible in it; to see that first halves the cost of the test.
  (p_stamp < pg_snapshot_xmin(p_snapshot) OR pg_visible_in_snapshot(p_stamp, p_snapshot))
  AND (p_xmin = p_stamp::xid
       OR age(p_xmin) NOT BETWEEN -67108864 AND age(pg_snapshot_xmin(p_snapshot)::xid)
          -- A snapshot from 2^31 transactions ago says nothing of any age.
          AND age(pg_snapshot_xmin(p_snapshot)::xid) >= 0
       OR p_xmin = ANY (p_ended));

-- As in 0008, but that it waits for few locks only, and calls a row that others hold `locked`.
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
BEGIN
  -- The caller's setting went with what it rolled back.
  PERFORM set_config('lock_timeout', '2s', true);
  deleted_ids := '{}'; failed_ids := '{}'; reasons := '{}';
  FOREACH place IN ARRAY p_slice LOOP
    EXECUTE candidate INTO id USING place, p_snapshot, p_ended;
    CONTINUE WHEN id IS NULL;
    EXECUTE candidate || ' FOR UPDATE SKIP LOCKED' INTO locked_id
      USING place, p_snapshot, p_ended;
    IF locked_id IS NULL THEN
      failed_ids := failed_ids || id; reasons := reasons || 'locked'::text;
      CONTINUE;
    END IF;
    deleted_before := pg_stat_get_xact_tuples_deleted(p_partition);
    BEGIN
      EXECUTE format('DELETE FROM ONLY %s u WHERE u.ctid = $1', p_partition) USING place;
      GET DIAGNOSTICS row_count = ROW_COUNT;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, constraint_name = CONSTRAINT_NAME,
        context = PG_EXCEPTION_CONTEXT;
      IF NOT public.is_error_of_a_row(code, context) THEN RAISE; END IF;
      IF code = '55P03' THEN
        wait_count := wait_count + 1;
        -- A slice full of such users would outlast the time of its statement.
        IF wait_count = most_waits THEN PERFORM set_config('lock_timeout', '20ms', true); END IF;
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

-- As in 0008, but that locks which others hold neither stop it nor make it wait for long.
--
-- Returns their positions in the part, from 1, and their ids; nothing where nobody of the part can be deleted
-- now.
CREATE OR REPLACE FUNCTION rehearse_deletion(p_export uuid, p_part int, p_limit int)
RETURNS TABLE (index int, user_id text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  enough constant int := 200;
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
  PERFORM set_config('lock_timeout', '2s', true);
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
    EXIT WHEN deleted_count >= p_limit OR (seen_count >= enough AND deleted_count > 0)
      OR (wait_count >= most_waits AND (deleted_count > 0 OR wait_count >= enough));
    seen_count := seen_count + 1;
    CONTINUE WHEN candidate.known <@ covered;
    BEGIN
      EXECUTE format('DELETE FROM ONLY %1$s WHERE ctid IN (
        SELECT ctid FROM ONLY %1$s WHERE ctid = $1 FOR UPDATE SKIP LOCKED)', partition)
        USING candidate.tid;
      GET DIAGNOSTICS row_count = ROW_COUNT;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
      IF SQLSTATE = '55P03' THEN wait_count := wait_count + 1;
      ELSIF NOT public.is_error_of_a_row(SQLSTATE, context) THEN RAISE;
      END IF;
      -- The batch leaves out whom others hold. Nobody goes before a rehearsal has found somebody.
      IF wait_count = most_waits THEN PERFORM set_config('lock_timeout', '20ms', true); END IF;
      CONTINUE;
    END;
    CONTINUE WHEN row_count <> 1;
    deleted_count := deleted_count + 1;
    covered := ARRAY(SELECT unnest(covered) UNION SELECT unnest(candidate.known));
    RETURN QUERY SELECT candidate.index, candidate.user_id;
  END LOOP;
END $$;
