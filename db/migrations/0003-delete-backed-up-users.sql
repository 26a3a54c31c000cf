-- Everything that could change a user's content without passing the stamp: a rewrite of the table,
-- a changed column, type, enum label or default, a rule, a trigger switched off, replaced or joined
-- by another, a partition detached and attached again. Reads the catalogs under the caller's snapshot; takes an oid because
-- regclass would look its name up under the newest one.
CREATE FUNCTION users_fingerprint(p_partition oid) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to(concat_ws(E'\n',
    (SELECT concat_ws(',', c.oid, c.relfilenode, c.relispartition)
       FROM pg_class c WHERE c.oid = p_partition),
    (SELECT string_agg(concat_ws(',', r.oid, r.xmin), ';' ORDER BY r.oid)
       FROM pg_rewrite r WHERE r.ev_class = p_partition),
    (SELECT string_agg(concat_ws(',', i.inhparent, i.xmin), ';' ORDER BY i.inhparent)
       FROM pg_inherits i WHERE i.inhrelid = p_partition),
    (SELECT string_agg(concat_ws(',', a.attnum, a.xmin), ';' ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = p_partition AND a.attnum > 0),
    (SELECT string_agg(concat_ws(',', y.oid, y.xmin), ';' ORDER BY y.oid)
       FROM pg_type y WHERE y.oid IN (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = p_partition)),
    (SELECT string_agg(concat_ws(',', l.oid, l.xmin), ';' ORDER BY l.oid)
       FROM pg_enum l WHERE l.enumtypid IN (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = p_partition)),
    (SELECT string_agg(concat_ws(',', d.adnum, d.xmin), ';' ORDER BY d.adnum)
       FROM pg_attrdef d WHERE d.adrelid = p_partition),
    (SELECT string_agg(concat_ws(',', t.oid, t.xmin, t.tgenabled, t.tgfoid, p.xmin), ';' ORDER BY t.oid)
       FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = p_partition)), 'UTF8')), 'hex')
$$;

-- True when the stamp trigger is ours by its very text, always on, unconditional, and the last to
-- touch a row. The hash is of the body of `stamp_user` in the first migration.
CREATE FUNCTION users_are_stamped(p_partition oid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = p_partition AND t.tgname = 'zzz_stamp' AND t.tgenabled = 'A'
       AND t.tgtype = 1 + 2 + 4 + 16 -- row, before, insert, update
       AND t.tgqual IS NULL AND t.tgattr = ''::int2vector
       AND p.proname = 'stamp_user' AND p.pronamespace = 'public'::regnamespace
       AND sha256(convert_to(p.prosrc, 'UTF8')) = '\x918b667ea6e225b974b64abce9f886dba6dc50b26abb6d4609a7dca4bd244f0c'
  ) AND NOT EXISTS (
    SELECT FROM pg_trigger t
     WHERE t.tgrelid = p_partition AND t.tgname > 'zzz_stamp' AND t.tgenabled <> 'D'
       AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0
  )
$$;

-- What `pg_stat_get_xact_tuples_deleted` counts of all partitions but one; attempts that were rolled
-- back to a savepoint are counted too.
CREATE FUNCTION users_deleted_elsewhere(p_partition oid) RETURNS bigint LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(pg_stat_get_xact_tuples_deleted(i.inhrelid)), 0)::bigint
    FROM pg_inherits i WHERE i.inhparent = 'public.users'::regclass AND i.inhrelid <> p_partition
$$;

-- Deletes a slice row by row, each in a savepoint of its own, so that one which cannot go stops no
-- other. A row that somebody holds locked is not waited for. Reasons name codes and constraints,
-- never what a row holds. Errors that pass by themselves (connection, rollback, resources) are raised.
CREATE FUNCTION delete_users_one_by_one(
  p_partition regclass, p_slice tid[], p_snapshot pg_snapshot,
  OUT deleted_ids text[], OUT failed_ids text[], OUT reasons text[]
) LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  candidate constant text := format('SELECT u.user_id FROM ONLY %s u
    WHERE u.ctid = $1 AND pg_visible_in_snapshot(u.written_in, $2) AND NOT u.legal_hold', p_partition);
  place tid;
  id text;
  locked_id text;
  deleted_before bigint;
  row_count int;
  code text;
  constraint_name text;
BEGIN
  deleted_ids := '{}'; failed_ids := '{}'; reasons := '{}';
  FOREACH place IN ARRAY p_slice LOOP
    EXECUTE candidate INTO id USING place, p_snapshot;
    CONTINUE WHEN id IS NULL;
    EXECUTE candidate || ' FOR UPDATE SKIP LOCKED' INTO locked_id USING place, p_snapshot;
    IF locked_id IS NULL THEN
      failed_ids := failed_ids || id; reasons := reasons || 'locked'::text;
      CONTINUE;
    END IF;
    deleted_before := pg_stat_get_xact_tuples_deleted(p_partition);
    BEGIN
      EXECUTE format('DELETE FROM ONLY %s u WHERE u.ctid = $1', p_partition) USING place;
      GET DIAGNOSTICS row_count = ROW_COUNT;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, constraint_name = CONSTRAINT_NAME;
      IF code ~ '^(08|40|53|57|58|XX)' THEN RAISE; END IF;
      failed_ids := failed_ids || id;
      reasons := reasons || coalesce('constraint ' || nullif(constraint_name, ''), 'SQLSTATE ' || code);
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

-- The one way to delete users. Takes a slice of a verified part's tids, so nothing is selected
-- again: a row goes only if it stands where the backup found it, in the version the backup holds. All
-- of it is one transaction of the caller's, who commits it or loses it whole.
--
-- `public` is on the search path for the sake of triggers that others put on the table; nobody but
-- the owner may create anything there.
--
-- Errors: KS001 no verified backup, KS002 the slice was taken before, KS003 the table changed since
-- the backup, KS004 the job may not delete (any more), KS005 other users would go as well.
CREATE FUNCTION delete_backed_up_users(p_export uuid, p_part int, p_cursor int, p_limit int)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  backup record;
  slice tid[];
  partition_oid oid;
  gone record;
  deleted_count int;
  deleted_before bigint;
  elsewhere_before bigint;
  lock_timeout_before constant text := current_setting('lock_timeout');
BEGIN
  -- Each statement below must see what was committed before it began.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'users are deleted under READ COMMITTED only' USING ERRCODE = 'KS004';
  END IF;
  IF p_limit NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'a slice holds 1 to 100000 rows' USING ERRCODE = 'KS004';
  END IF;

  -- A snapshot row that was not written by the very transaction it names came from a dump, a
  -- logical copy or a server that lost it: its transaction ids mean nothing here.
  SELECT e.job_id, e.workspace_id, e.attempt, a.snapshot, a.fingerprint INTO backup
    FROM public.exports e
    JOIN public.export_attempts a ON a.export_id = e.id AND a.attempt = e.attempt
   WHERE e.id = p_export AND e.purpose = 'backup' AND e.state = 'verified'
     AND a.xmin = a.recorded_in::xid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'export % is not a verified backup of this server', p_export USING ERRCODE = 'KS001';
  END IF;

  EXECUTE format('LOCK TABLE public.%I IN ROW EXCLUSIVE MODE', 'users_' || backup.workspace_id);
  SELECT c.oid INTO partition_oid FROM pg_class c
   WHERE c.relname = 'users_' || backup.workspace_id AND c.relnamespace = 'public'::regnamespace;

  UPDATE public.export_parts p SET cursor = least(p_cursor + p_limit, p.rows)
   WHERE p.export_id = p_export AND p.attempt = backup.attempt AND p.part = p_part
     AND p.cursor = p_cursor AND p_cursor < p.rows
  RETURNING p.tids[p_cursor + 1 : least(p_cursor + p_limit, p.rows)] INTO slice;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'part % of export % has moved past %', p_part, p_export, p_cursor USING ERRCODE = 'KS002';
  END IF;

  -- What triggers of others delete beside the slice is in no backup, so it must be nothing; deferred
  -- constraints speak up now, while it can still be told for which row.
  SET CONSTRAINTS ALL IMMEDIATE;
  elsewhere_before := public.users_deleted_elsewhere(partition_oid);
  deleted_before := pg_stat_get_xact_tuples_deleted(partition_oid);
  BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    -- All before a snapshot's xmin is visible in it; to see that first halves the cost of the stamp's test.
    EXECUTE format($sql$
      WITH gone AS (
        DELETE FROM ONLY %s u
         WHERE u.ctid = ANY ($1) AND NOT u.legal_hold
           AND (u.written_in < pg_snapshot_xmin($2) OR pg_visible_in_snapshot(u.written_in, $2))
        RETURNING u.user_id
      )
      SELECT coalesce(array_agg(user_id), '{}') AS deleted_ids, '{}'::text[] AS failed_ids,
             '{}'::text[] AS reasons
        FROM gone
    $sql$, partition_oid::regclass)
    INTO gone USING slice, backup.snapshot;
    deleted_count := cardinality(gone.deleted_ids);
    IF pg_stat_get_xact_tuples_deleted(partition_oid) - deleted_before <> deleted_count THEN
      RAISE EXCEPTION 'users would go that are not in the backup' USING ERRCODE = 'KS005',
        HINT = 'track_counts must be on, and no trigger may delete users';
    END IF;
  EXCEPTION WHEN OTHERS THEN
    -- Errors of one row, and locks on one; those of the server or of the gate are not for any row's sake.
    IF SQLSTATE ~ '^(08|40|53|57|58|XX|KS)' THEN RAISE; END IF;
    SELECT * INTO gone
      FROM public.delete_users_one_by_one(partition_oid::regclass, slice, backup.snapshot);
    deleted_count := cardinality(gone.deleted_ids);
  END;
  PERFORM set_config('lock_timeout', lock_timeout_before, true);
  IF public.users_deleted_elsewhere(partition_oid) <> elsewhere_before THEN
    RAISE EXCEPTION 'users of other workspaces would go' USING ERRCODE = 'KS005';
  END IF;

  INSERT INTO public.deletion_batches (export_id, attempt, part, cursor, deleted_ids, failed_ids, reasons)
  VALUES (p_export, backup.attempt, p_part, p_cursor, gone.deleted_ids, gone.failed_ids, gone.reasons);
  UPDATE public.export_parts p SET deleted = p.deleted + deleted_count
   WHERE p.export_id = p_export AND p.attempt = backup.attempt AND p.part = p_part;

  -- Compared after the rows went and under the lock, so a change that slipped in before or between
  -- is seen as well; the raise takes the rows back.
  IF public.users_fingerprint(partition_oid) IS DISTINCT FROM backup.fingerprint THEN
    RAISE EXCEPTION 'the users table changed since the backup %', p_export USING ERRCODE = 'KS003';
  END IF;

  -- Cancel, purge and expiry change these rows first and wait here for an open batch.
  PERFORM FROM public.jobs j WHERE j.id = backup.job_id AND j.type = 'deletion'
     AND j.state = 'running' AND j.phase = 'deleting' FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'job % is not deleting', backup.job_id USING ERRCODE = 'KS004';
  END IF;
  PERFORM FROM public.exports e WHERE e.id = p_export AND e.state = 'verified'
     AND e.attempt = backup.attempt FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'export % is not a verified backup any more', p_export USING ERRCODE = 'KS001';
  END IF;
  RETURN deleted_count;
END $$;

-- FOR SHARE asks for the right to update some column; the keys, which never change, are the least.
GRANT SELECT, UPDATE (id) ON jobs, exports TO keepsake_deleter;
GRANT SELECT ON export_attempts TO keepsake_deleter;
GRANT SELECT, UPDATE (cursor, deleted) ON export_parts TO keepsake_deleter;
GRANT SELECT, INSERT ON deletion_batches TO keepsake_deleter;

REVOKE ALL ON FUNCTION delete_backed_up_users, delete_users_one_by_one FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_deleter;
ALTER FUNCTION delete_backed_up_users OWNER TO keepsake_deleter;
ALTER FUNCTION delete_users_one_by_one OWNER TO keepsake_deleter;
REVOKE CREATE ON SCHEMA public FROM keepsake_deleter;
GRANT EXECUTE ON FUNCTION delete_backed_up_users TO keepsake_app;
