-- Restores put back what the backup's own columns say, a rehearsal shows that they can, and a row is
-- deleted only if its tuple is as old as its stamp says.

-- The columns of a backup's file in its order, each as {name, type, isGenerated}, all as stored. Null in
-- attempts from before: the names in their header are the API's.
ALTER TABLE export_attempts ADD COLUMN columns jsonb;
-- Subtransactions that had written rows of the snapshot though they began after the oldest transaction
-- that ran then.
ALTER TABLE export_attempts ADD COLUMN ended_xids xid[] NOT NULL DEFAULT '{}';
-- Users a workspace had when it was previewed; null where the preview did not read all of them.
ALTER TABLE previews ADD COLUMN users bigint;

-- When the files of a backup were last hashed after its deletion.
ALTER TABLE exports ADD COLUMN scrubbed_at timestamptz;

-- Users of a part that the database did not take back; `outcomes` says why.
ALTER TABLE restore_chunks ADD COLUMN failed int NOT NULL DEFAULT 0 CHECK (failed >= 0);

-- Identity columns are not copied: since PostgreSQL 17 a partition takes them from `users` when it is
-- attached; before, it needs the default spelled out, for Keepsake also inserts into partitions.
CREATE OR REPLACE FUNCTION create_workspace(p_id text, p_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  partition_name text := 'users_' || p_id;
  identity_column text;
  sequence_name text;
BEGIN
  INSERT INTO workspaces (id, name) VALUES (p_id, p_name);
  EXECUTE format('CREATE TABLE %I (LIKE users INCLUDING ALL EXCLUDING IDENTITY)', partition_name);
  EXECUTE format('ALTER TABLE %I ADD CHECK (workspace_id = %L)', partition_name, p_id);
  EXECUTE format('ALTER TABLE users ATTACH PARTITION %I FOR VALUES IN (%L)', partition_name, p_id);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO keepsake_app', partition_name);
  EXECUTE format('GRANT SELECT, DELETE, UPDATE (user_id) ON %I TO keepsake_deleter', partition_name);
  IF current_setting('server_version_num')::int >= 170000 THEN RETURN; END IF;
  FOR identity_column IN SELECT attname FROM pg_attribute
      WHERE attrelid = 'users'::regclass AND attidentity <> '' AND NOT attisdropped LOOP
    sequence_name := pg_get_serial_sequence('users', identity_column);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET DEFAULT nextval(%L)',
      partition_name, identity_column, sequence_name);
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO keepsake_app', sequence_name);
  END LOOP;
END $$;

-- Every type that values of a partition's columns are made of: elements of arrays, base types of
-- domains, fields of composites, bounds of ranges.
CREATE FUNCTION users_types(p_partition oid) RETURNS SETOF oid LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE reached AS (
    SELECT a.atttypid AS oid FROM pg_attribute a WHERE a.attrelid = p_partition AND a.attnum > 0
    UNION
    SELECT part.oid FROM reached JOIN pg_type y ON y.oid = reached.oid CROSS JOIN LATERAL (
      VALUES (y.typelem), (y.typbasetype)
      UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = y.typrelid AND a.attnum > 0
      UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE y.oid IN (r.rngtypid, r.rngmultitypid)
    ) AS part (oid))
  SELECT oid FROM reached WHERE oid <> 0
$$;

-- Everything that could change a user's content without passing the stamp: a rewrite of the table, a
-- changed column, type, enum label, domain or default, however deep in a type, a rule, a trigger switched
-- off, replaced or joined by another, a partition detached and attached again; and row-level security,
-- which could hide users. Reads the catalogs under the caller's snapshot; takes an oid because regclass
-- would look its name up under the newest one.
CREATE OR REPLACE FUNCTION users_fingerprint(p_partition oid) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  WITH types AS MATERIALIZED (SELECT t.oid FROM public.users_types(p_partition) AS t (oid))
  SELECT encode(sha256(convert_to(concat_ws(E'\n',
    (SELECT concat_ws(',', c.oid, c.relfilenode, c.relispartition, c.relrowsecurity, c.relforcerowsecurity)
       FROM pg_class c WHERE c.oid = p_partition),
    (SELECT string_agg(concat_ws(',', y.oid, y.xmin), ';' ORDER BY y.oid)
       FROM pg_policy y WHERE y.polrelid = p_partition),
    (SELECT string_agg(concat_ws(',', r.oid, r.xmin), ';' ORDER BY r.oid)
       FROM pg_rewrite r WHERE r.ev_class = p_partition),
    (SELECT string_agg(concat_ws(',', i.inhparent, i.xmin), ';' ORDER BY i.inhparent)
       FROM pg_inherits i WHERE i.inhrelid = p_partition),
    (SELECT string_agg(concat_ws(',', a.attnum, a.xmin), ';' ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = p_partition AND a.attnum > 0),
    (SELECT string_agg(concat_ws(',', y.oid, y.xmin, p.oid, p.xmin), ';' ORDER BY y.oid)
       FROM pg_type y LEFT JOIN pg_proc p ON p.oid = y.typoutput WHERE y.oid IN (SELECT oid FROM types)),
    (SELECT string_agg(concat_ws(',', a.attrelid, a.attnum, a.xmin), ';' ORDER BY a.attrelid, a.attnum)
       FROM pg_attribute a WHERE a.attnum > 0 AND a.attrelid IN
         (SELECT y.typrelid FROM pg_type y WHERE y.typrelid <> 0 AND y.oid IN (SELECT oid FROM types))),
    (SELECT string_agg(concat_ws(',', l.oid, l.xmin), ';' ORDER BY l.oid)
       FROM pg_enum l WHERE l.enumtypid IN (SELECT oid FROM types)),
    (SELECT string_agg(concat_ws(',', n.oid, n.xmin), ';' ORDER BY n.oid)
       FROM pg_constraint n WHERE n.contypid IN (SELECT oid FROM types)),
    (SELECT string_agg(concat_ws(',', d.adnum, d.xmin), ';' ORDER BY d.adnum)
       FROM pg_attrdef d WHERE d.adrelid = p_partition),
    (SELECT string_agg(concat_ws(',', t.oid, t.xmin, t.tgenabled, t.tgfoid, p.xmin), ';' ORDER BY t.oid)
       FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = p_partition)), 'UTF8')), 'hex')
$$;

-- True when the row that stands where a backup found one is the version the backup holds: its stamp is
-- visible in the snapshot, and its tuple was not written later. A trigger of others can hand an old stamp
-- back; nobody can choose a tuple's `xmin`.
--
-- `xmin` is the stamp's own transaction, whose visibility the snapshot knows, or a subtransaction, of which
-- it knows nothing. The latter must be older than every transaction that ran at the snapshot, or one of
-- those (`p_ended`) that the attempt saw rows of: they had ended by then. One that ran still may write into
-- a place that was freed since.
--
-- `xmin` has 32 bits, so it is compared by age. The age of a tuple from 2^31 transactions ago is negative;
-- up to 2^26 ahead of this transaction means younger than it.
CREATE FUNCTION is_unchanged_since(p_stamp xid8, p_xmin xid, p_snapshot pg_snapshot, p_ended xid[])
RETURNS boolean LANGUAGE sql STABLE RETURN
  -- All before a snapshot's xmin is visible in it; to see that first halves the cost of the test.
  (p_stamp < pg_snapshot_xmin(p_snapshot) OR pg_visible_in_snapshot(p_stamp, p_snapshot))
  AND (p_xmin = p_stamp::xid
       OR age(p_xmin) NOT BETWEEN -67108864 AND age(pg_snapshot_xmin(p_snapshot)::xid)
       OR p_xmin = ANY (p_ended));

-- Whether an error says something of the row that was written, or of the statement, the connection or the
-- server: as `isOfARow` of the code, but that a lock (55P03) is of the row that is locked. What a trigger
-- raises by RAISE is of the row, whatever code it chose.
CREATE FUNCTION is_error_of_a_row(p_sqlstate text, p_context text) RETURNS boolean
LANGUAGE sql IMMUTABLE RETURN
  p_sqlstate !~ '^(08|28|3D|40|53|57|58|25006|25P03|25P04|55006)'
  AND (p_sqlstate !~ '^(0A|0B|25|26|2B|2D|34|3B|3F|42|55(?!P03)|F0|HV|XX)'
       OR coalesce(split_part(p_context, E'\n', 1), '') ~ ' RAISE$');

-- Deletes a slice row by row, each in a savepoint of its own, so that one which cannot go stops no
-- other. A row that somebody holds locked is not waited for. Reasons name codes and constraints,
-- never what a row holds. Errors that pass by themselves (connection, rollback, resources) are raised.
DROP FUNCTION delete_users_one_by_one;
CREATE FUNCTION delete_users_one_by_one(
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
BEGIN
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
-- the backup, KS004 the job may not delete (any more), KS005 other users would go as well, KS009 the
-- server runs with fsync off.
CREATE OR REPLACE FUNCTION delete_backed_up_users(p_export uuid, p_part int, p_cursor int, p_limit int)
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
  context text;
BEGIN
  -- Each statement below must see what was committed before it began.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'users are deleted under READ COMMITTED only' USING ERRCODE = 'KS004';
  END IF;
  IF p_limit NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'a slice holds 1 to 100000 rows' USING ERRCODE = 'KS004';
  END IF;

  -- Batches commit without waiting for the disk, and are synced at the end: that needs a server that syncs.
  IF current_setting('fsync') = 'off' THEN
    RAISE EXCEPTION 'fsync is off' USING ERRCODE = 'KS009';
  END IF;

  -- A snapshot row that was not written by the very transaction it names came from a dump, a
  -- logical copy or a server that lost it: its transaction ids mean nothing here.
  SELECT e.job_id, e.workspace_id, e.attempt, a.snapshot, a.fingerprint, a.ended_xids INTO backup
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
    EXECUTE format($sql$
      WITH gone AS (
        DELETE FROM ONLY %s u
         WHERE u.ctid = ANY ($1) AND NOT u.legal_hold
           AND public.is_unchanged_since(u.written_in, u.xmin, $2, $3)
        RETURNING u.user_id
      )
      SELECT coalesce(array_agg(user_id), '{}') AS deleted_ids, '{}'::text[] AS failed_ids,
             '{}'::text[] AS reasons
        FROM gone
    $sql$, partition_oid::regclass)
    INTO gone USING slice, backup.snapshot, backup.ended_xids;
    deleted_count := cardinality(gone.deleted_ids);
    IF pg_stat_get_xact_tuples_deleted(partition_oid) - deleted_before <> deleted_count THEN
      RAISE EXCEPTION 'users would go that are not in the backup' USING ERRCODE = 'KS005',
        HINT = 'track_counts must be on, and no trigger may delete users';
    END IF;
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    IF SQLSTATE LIKE 'KS%' OR NOT public.is_error_of_a_row(SQLSTATE, context) THEN RAISE; END IF;
    SELECT * INTO gone
      FROM public.delete_users_one_by_one(
        partition_oid::regclass, slice, backup.snapshot, backup.ended_xids);
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

REVOKE ALL ON FUNCTION delete_users_one_by_one FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_deleter;
ALTER FUNCTION delete_users_one_by_one OWNER TO keepsake_deleter;
REVOKE CREATE ON SCHEMA public FROM keepsake_deleter;

-- A rehearsal deletes a few users, so that a restore of them can be tried, and never commits.
CREATE TABLE rehearsals (export_id uuid NOT NULL);
CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a rehearsal is never committed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE CONSTRAINT TRIGGER never_committed AFTER INSERT ON rehearsals
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_commit();
ALTER TABLE rehearsals ENABLE ALWAYS TRIGGER never_committed;

-- Deletes up to so many users of a part that are as the backup holds them, in a transaction that cannot
-- commit. Takes the first ones that together know a value of each column, among the first 200 that can be
-- deleted at all. Users that somebody holds locked, or that cannot be deleted, are passed over.
--
-- Returns their positions in the part, from 1, and their ids; nothing where the backup deletes nobody of
-- the part. Errors: 55P03 when others hold locks too long.
CREATE FUNCTION rehearse_deletion(p_export uuid, p_part int, p_limit int)
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
    EXIT WHEN deleted_count >= p_limit OR (seen_count >= enough AND deleted_count > 0);
    seen_count := seen_count + 1;
    CONTINUE WHEN candidate.known <@ covered;
    BEGIN
      EXECUTE format('DELETE FROM ONLY %1$s WHERE ctid IN (
        SELECT ctid FROM ONLY %1$s WHERE ctid = $1 FOR UPDATE SKIP LOCKED)', partition)
        USING candidate.tid;
      GET DIAGNOSTICS row_count = ROW_COUNT;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
      wait_count := wait_count + (SQLSTATE = '55P03')::int;
      IF wait_count > most_waits OR NOT public.is_error_of_a_row(SQLSTATE, context) THEN RAISE; END IF;
      CONTINUE;
    END;
    CONTINUE WHEN row_count <> 1;
    deleted_count := deleted_count + 1;
    covered := ARRAY(SELECT unnest(covered) UNION SELECT unnest(candidate.known));
    RETURN QUERY SELECT candidate.index, candidate.user_id;
  END LOOP;
END $$;

GRANT INSERT ON rehearsals TO keepsake_deleter;
REVOKE ALL ON FUNCTION rehearse_deletion FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_deleter;
ALTER FUNCTION rehearse_deletion OWNER TO keepsake_deleter;
REVOKE CREATE ON SCHEMA public FROM keepsake_deleter;
GRANT EXECUTE ON FUNCTION rehearse_deletion TO keepsake_app;
