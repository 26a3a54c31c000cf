-- Everything that could change a user's content without passing the stamp: a rewrite of the table,
-- a changed column or default, a trigger switched off, replaced or joined by another, a partition
-- detached and attached again. Reads the catalogs under the caller's snapshot; takes an oid because
-- regclass would look its name up under the newest one.
CREATE FUNCTION users_fingerprint(p_partition oid) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to(concat_ws(E'\n',
    (SELECT concat_ws(',', c.oid, c.relfilenode, c.relispartition, c.relhasrules)
       FROM pg_class c WHERE c.oid = p_partition),
    (SELECT string_agg(concat_ws(',', i.inhparent, i.xmin), ';' ORDER BY i.inhparent)
       FROM pg_inherits i WHERE i.inhrelid = p_partition),
    (SELECT string_agg(concat_ws(',', a.attnum, a.xmin), ';' ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = p_partition AND a.attnum > 0),
    (SELECT string_agg(concat_ws(',', d.adnum, d.xmin), ';' ORDER BY d.adnum)
       FROM pg_attrdef d WHERE d.adrelid = p_partition),
    (SELECT string_agg(concat_ws(',', t.oid, t.xmin, t.tgenabled, t.tgfoid, p.xmin), ';' ORDER BY t.oid)
       FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = p_partition)), 'UTF8')), 'hex')
$$;

-- True when the stamp trigger is ours, always on, unconditional, and the last to touch a row, and no
-- rule makes a statement on the table mean something else.
CREATE FUNCTION users_are_stamped(p_partition oid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = p_partition AND t.tgname = 'zzz_stamp' AND t.tgenabled = 'A'
       AND t.tgtype = 1 + 2 + 4 + 16 -- row, before, insert, update
       AND t.tgqual IS NULL AND t.tgattr = ''::int2vector
       AND p.proname = 'stamp_user' AND p.pronamespace = 'public'::regnamespace
  ) AND NOT EXISTS (
    SELECT FROM pg_trigger t
     WHERE t.tgrelid = p_partition AND t.tgname > 'zzz_stamp' AND t.tgenabled <> 'D'
       AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0
  ) AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p_partition AND c.relhasrules)
$$;

-- The one statement that deletes users. Takes a slice of a verified part's tids, so nothing is
-- selected again: a row goes only if it stands where the backup found it, in the version the backup
-- holds. All of it is one transaction of the caller's, who commits it or loses it whole.
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
  deleted_count int;
  all_before bigint;
  all_after bigint;
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

  UPDATE public.export_parts p SET cursor = least(p_cursor + p_limit, p.rows)
   WHERE p.export_id = p_export AND p.attempt = backup.attempt AND p.part = p_part
     AND p.cursor = p_cursor AND p_cursor < p.rows
  RETURNING p.tids[p_cursor + 1 : least(p_cursor + p_limit, p.rows)] INTO slice;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'part % of export % has moved past %', p_part, p_export, p_cursor USING ERRCODE = 'KS002';
  END IF;

  -- What triggers of others delete beside the slice is in no backup, so it must be nothing.
  SET CONSTRAINTS ALL IMMEDIATE;
  SELECT coalesce(sum(pg_stat_get_xact_tuples_deleted(i.inhrelid)), 0) INTO all_before
    FROM pg_inherits i WHERE i.inhparent = 'public.users'::regclass;
  EXECUTE format($sql$
    WITH gone AS (
      DELETE FROM public.%I u
       WHERE u.ctid = ANY ($1) AND pg_visible_in_snapshot(u.written_in, $2) AND NOT u.legal_hold
      RETURNING u.user_id
    )
    INSERT INTO public.deletion_batches (export_id, attempt, part, cursor, deleted_ids)
    SELECT $3, $4, $5, $6, coalesce(array_agg(user_id), '{}') FROM gone
    RETURNING cardinality(deleted_ids)
  $sql$, 'users_' || backup.workspace_id)
  INTO deleted_count
  USING slice, backup.snapshot, p_export, backup.attempt, p_part, p_cursor;

  SELECT coalesce(sum(pg_stat_get_xact_tuples_deleted(i.inhrelid)), 0) INTO all_after
    FROM pg_inherits i WHERE i.inhparent = 'public.users'::regclass;
  IF all_after - all_before <> deleted_count THEN
    RAISE EXCEPTION '% users would go, % of them by the backup', all_after - all_before, deleted_count
      USING ERRCODE = 'KS005', HINT = 'track_counts must be on, and no trigger may delete users';
  END IF;

  UPDATE public.export_parts p SET deleted = p.deleted + deleted_count
   WHERE p.export_id = p_export AND p.attempt = backup.attempt AND p.part = p_part;

  -- Compared after the rows went and under the lock, so a change that slipped in before or between
  -- is seen as well; the raise takes the rows back.
  SELECT c.oid INTO partition_oid FROM pg_class c
   WHERE c.relname = 'users_' || backup.workspace_id AND c.relnamespace = 'public'::regnamespace;
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

REVOKE ALL ON FUNCTION delete_backed_up_users FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_deleter;
ALTER FUNCTION delete_backed_up_users OWNER TO keepsake_deleter;
REVOKE CREATE ON SCHEMA public FROM keepsake_deleter;
GRANT EXECUTE ON FUNCTION delete_backed_up_users TO keepsake_app;
