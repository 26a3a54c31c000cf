-- Nearly everyone of a workspace is not deleted without an approval: neither at once, nor in slices, nor
-- beside users who were added for it. decisions/0018-nearly-everyone.md says what this covers.
--
-- The rule, for each of some moments t of the last days: of the users who were there at t, no more than
-- `percent` are deleted without an approval, those of earlier deletions and of this one taken together.
-- A user was there at t if `created_at` < t: no import and no API sets it, and a restore keeps it.

-- The oldest `created_at` of the users that were deleted from a part.
ALTER TABLE export_parts ADD COLUMN oldest_deleted timestamptz;
UPDATE export_parts SET oldest_deleted = '-infinity' WHERE deleted > 0;

-- The transaction that put a part's users back: their `inserted_in`. Null in rows from before.
ALTER TABLE restore_chunks ADD COLUMN recorded_in xid8;
ALTER TABLE restore_chunks ALTER recorded_in SET DEFAULT pg_current_xact_id();

-- Backups by which users may be deleted. Insert-only; a row is written under the lock of its workspace.
CREATE TABLE admitted_deletions (
  export_id uuid PRIMARY KEY REFERENCES exports,
  attempt int NOT NULL,
  job_id uuid NOT NULL REFERENCES jobs,
  workspace_id text NOT NULL REFERENCES workspaces,
  -- The run of an approved request: it is not counted.
  is_approved boolean NOT NULL,
  rows bigint NOT NULL,
  -- Rows of all deletions of the workspace without an approval so far, this one included. The difference of
  -- two of them bounds what was deleted between.
  rows_so_far bigint NOT NULL,
  -- Never before that of an earlier row of the workspace.
  admitted_at timestamptz NOT NULL
);
-- What was admitted is what is deleted: nothing is added to it.
CREATE FUNCTION guard_part() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- An attempt that lost may still write its own parts: nobody is deleted by them.
  PERFORM FROM public.admitted_deletions a
   WHERE a.export_id = NEW.export_id AND a.attempt = NEW.attempt;
  IF FOUND THEN
    RAISE EXCEPTION 'the deletion by export % was admitted without this part', NEW.export_id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_part BEFORE INSERT ON export_parts
  FOR EACH ROW EXECUTE FUNCTION guard_part();

CREATE INDEX admitted_newest ON admitted_deletions (workspace_id, admitted_at DESC, rows_so_far DESC);

INSERT INTO admitted_deletions
SELECT id, attempt, job_id, workspace_id, is_approved, rows, sum(CASE WHEN is_approved THEN 0 ELSE rows END)
         OVER (PARTITION BY workspace_id ORDER BY began_at, id), began_at
  FROM (SELECT e.id, e.attempt, e.job_id, e.workspace_id, j.parent_id IS NOT NULL AS is_approved, e.rows,
               min(d.committed_at) AS began_at
          FROM exports e JOIN jobs j ON j.id = e.job_id JOIN deletion_batches d ON d.export_id = e.id
         GROUP BY e.id, j.id) AS begun (id, attempt, job_id, workspace_id, is_approved, rows, began_at);

CREATE INDEX jobs_restores ON jobs (workspace_id) WHERE backup_id IS NOT NULL;
CREATE INDEX jobs_imports ON jobs (workspace_id, finished_at) WHERE type = 'import';

-- Parts of deletions without an approval whose jobs have not ended: rows from `cursor` on may be deleted
-- at any time.
CREATE VIEW running_deletion_parts AS
  SELECT a.workspace_id, a.job_id, p.deleted, p.rows - p.cursor AS rows_left, p.cursor, p.tids
    FROM jobs j
    JOIN exports e ON e.job_id = j.id
    JOIN admitted_deletions a ON a.export_id = e.id AND NOT a.is_approved
    JOIN export_parts p ON p.export_id = e.id AND p.attempt = e.attempt
   WHERE j.finished_at IS NULL;

-- Users whom deletions without an approval have deleted, as long as these count, less those that were
-- restored since. A deletion counts from its admission on, and as long as its job has not ended.
CREATE VIEW taken_users AS
  SELECT a.workspace_id, a.export_id,
         CASE WHEN j.finished_at IS NULL THEN 'infinity' ELSE a.admitted_at END AS taken_at,
         coalesce(p.oldest_deleted, '-infinity') AS oldest,
         greatest(p.deleted - coalesce(back.restored, 0), 0) AS users
    FROM delete_all_settings s
    JOIN admitted_deletions a ON NOT a.is_approved
    JOIN jobs j ON j.id = a.job_id AND (a.admitted_at >= now() - s.memory OR j.finished_at IS NULL)
    JOIN exports e ON e.id = a.export_id
    JOIN export_parts p ON p.export_id = e.id AND p.attempt = e.attempt AND p.deleted > 0
    LEFT JOIN LATERAL (
      SELECT sum(c.restored) AS restored FROM jobs r JOIN restore_chunks c ON c.job_id = r.id
       WHERE r.backup_id = e.id AND c.part = p.part) AS back ON true;

-- Restores from deletions that do not count (any more). Their users were away meanwhile: they are there
-- from the restore on, whatever their `created_at`.
CREATE VIEW late_returns AS
  SELECT r.workspace_id, c.recorded_in AS inserted_in, c.committed_at AS returned_at, c.restored AS users
    FROM delete_all_settings s
    JOIN jobs r ON r.backup_id IS NOT NULL
    JOIN restore_chunks c ON c.job_id = r.id AND c.committed_at >= now() - s.memory
   WHERE NOT EXISTS (
     SELECT FROM admitted_deletions a JOIN jobs j ON j.id = a.job_id
      WHERE a.export_id = r.backup_id AND NOT a.is_approved
        AND (a.admitted_at >= now() - s.memory OR j.finished_at IS NULL));

-- The moments that the rule is asked for, in their order; the present comes on top. They lie the closer, the
-- less they are ago: from 50 ms on, each age is 1.15 times the one before. When deletions were admitted, and
-- when imports began and ended, are moments of their own: that is when users came and went in great number.
--
-- None lies within an import: half a file is no state anybody meant. What was before an import, its start says.
CREATE FUNCTION deletion_moments(p_workspace text) RETURNS timestamptz[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  WITH since AS MATERIALIZED (SELECT now() - memory AS t FROM public.delete_all_settings
  ), imports AS MATERIALIZED (
    SELECT j.started_at, coalesce(j.finished_at, now()) AS ended_at FROM public.jobs j, since
     WHERE j.workspace_id = p_workspace AND j.type = 'import' AND j.started_at IS NOT NULL
       AND (j.finished_at IS NULL OR j.finished_at > since.t)
  ), candidates AS (
    SELECT t FROM since
    UNION SELECT now() - make_interval(secs => 0.05 * 1.15 ^ k) FROM generate_series(0, 130) AS k
    UNION (SELECT b.t FROM imports, LATERAL (VALUES (started_at), (ended_at)) AS b (t)
            ORDER BY b.t DESC LIMIT 200)
    UNION (SELECT a.admitted_at FROM public.admitted_deletions a, since
            WHERE a.workspace_id = p_workspace AND a.admitted_at >= since.t AND NOT a.is_approved
            ORDER BY a.rows DESC LIMIT 100))
  SELECT coalesce(array_agg(c.t ORDER BY c.t), '{}') FROM candidates c, since
   WHERE c.t >= since.t
     AND NOT EXISTS (SELECT FROM imports i WHERE i.started_at < c.t AND c.t < i.ended_at)
$$;

-- Judges by counts. `p_there` and `p_going` are numbers of users in the buckets that `width_bucket` finds
-- for their arrival among the moments: all that are there, and those of them who are selected or about to be
-- deleted by others. A bucket may come several times.
--
-- Error KS008: nearly everyone would be deleted. Its detail is JSON: of the users who were `there` at
-- `since` (null for the present), so many were `taken`, and so many are `selected`.
CREATE FUNCTION judge_deletion(p_workspace text, p_moments timestamptz[], p_buckets int[],
  p_there bigint[], p_going bigint[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  present constant int := cardinality(p_moments) + 1;
  worst record;
BEGIN
  -- A user of bucket b was there at every moment after the b-th.
  WITH taken AS (
    SELECT width_bucket(t.oldest, p_moments) AS first, t.users,
           CASE t.taken_at WHEN 'infinity' THEN present ELSE width_bucket(t.taken_at, p_moments) END AS last
      FROM public.taken_users t WHERE t.workspace_id = p_workspace
  ), change AS (
    SELECT h.bucket + 1 AS place, h.there, h.going, 0 AS taken
      FROM unnest(p_buckets, p_there, p_going) AS h (bucket, there, going)
    UNION ALL SELECT t.first + 1, 0, 0, t.users FROM taken t WHERE t.first < t.last
    UNION ALL SELECT t.last + 1, 0, 0, -t.users FROM taken t WHERE t.first < t.last
  ), state AS (
    SELECT place, sum(sum(change.taken)) OVER w AS taken, sum(sum(change.going)) OVER w AS going,
           sum(sum(change.there) + sum(change.taken)) OVER w AS there
      FROM change GROUP BY place WINDOW w AS (ORDER BY place)
  )
  SELECT p_moments[state.place] AS since, state.there, state.taken, state.going INTO worst
    FROM state, public.delete_all_settings s
   -- A deletion of nobody who was there then changes nothing about that moment.
   WHERE state.place <= present AND state.there >= s.least_users AND state.going > 0
     AND (state.taken + state.going) * 100 > s.percent * state.there
   ORDER BY (state.taken + state.going) / state.there DESC, state.place DESC LIMIT 1;
  IF NOT FOUND THEN RETURN; END IF;
  RAISE EXCEPTION 'nearly everyone of workspace % would be deleted', p_workspace
    USING ERRCODE = 'KS008', DETAIL = json_build_object('taken', worst.taken, 'selected', worst.going,
      'there', worst.there, 'since',
      to_char(worst.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
END $$;

-- How many users must have been there since the oldest moment, so that a deletion of so many more is allowed
-- whoever they are; 0 if it is in any case. The bounds take all that was admitted as deleted, and all that
-- is selected as old. `p_job` is a job whose own backups do not count as another's.
--
-- Reads two entries of `admitted_newest` and the parts of deletions that run.
CREATE FUNCTION old_users_needed(p_workspace text, p_job uuid, p_selected bigint)
RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s public.delete_all_settings;
  taken bigint;
  going bigint;
  returned bigint;
BEGIN
  SELECT * INTO s FROM public.delete_all_settings;
  taken := coalesce((SELECT a.rows_so_far FROM public.admitted_deletions a
    WHERE a.workspace_id = p_workspace ORDER BY a.admitted_at DESC, a.rows_so_far DESC LIMIT 1), 0)
    - coalesce((SELECT a.rows_so_far FROM public.admitted_deletions a
    WHERE a.workspace_id = p_workspace AND a.admitted_at < now() - s.memory
    ORDER BY a.admitted_at DESC, a.rows_so_far DESC LIMIT 1), 0);
  SELECT taken + coalesce(sum(r.deleted), 0),
         p_selected + coalesce(sum(r.rows_left) FILTER (WHERE r.job_id IS DISTINCT FROM p_job), 0)
    INTO taken, going
    FROM public.running_deletion_parts r WHERE r.workspace_id = p_workspace;
  IF (taken + going) * 100 <= s.percent * s.least_users THEN RETURN 0; END IF;
  SELECT coalesce(sum(l.users), 0) INTO returned
    FROM public.late_returns l WHERE l.workspace_id = p_workspace;
  -- taken + going <= percent of (there + taken), solved for those who are there.
  RETURN ceil((taken * (100 - s.percent) + going * 100) / s.percent) + returned;
END $$;

-- Whether so many may be deleted whoever they are. Counts no more users than it takes to be sure.
CREATE FUNCTION leaves_enough_users(p_workspace text, p_job uuid, p_selected bigint)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  needed constant bigint := public.old_users_needed(p_workspace, p_job, p_selected);
  is_enough boolean;
BEGIN
  IF needed = 0 THEN RETURN true; END IF;
  -- A few are read in the order of `users_created_at`, many as they lie in the table.
  EXECUTE format($sql$
    SELECT count(*) >= $1 FROM (SELECT FROM ONLY public.%I u WHERE u.created_at < $2 %s LIMIT $1) AS old
    $sql$, 'users_' || p_workspace,
    CASE WHEN needed <= 20000
         THEN format('AND u.workspace_id = %L ORDER BY u.created_at', p_workspace) END)
    INTO is_enough USING needed, (SELECT now() - s.memory FROM public.delete_all_settings s);
  RETURN is_enough;
END $$;

-- Refuses to delete the users at these places, by the rule. Those of the job's other backups are counted as
-- deleted where they are, and as nothing else.
--
-- Where only few users matter, they are the oldest ones, read in the order of `users_created_at`: as soon as
-- more than needed were there, the rule allows it. Else it reads the partition once. Error KS008.
CREATE FUNCTION refuse_nearly_everyone(p_workspace text, p_job uuid, p_tids tid[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  needed constant bigint := public.old_users_needed(p_workspace, p_job, cardinality(p_tids));
  moments constant timestamptz[] := public.deletion_moments(p_workspace);
  -- Places that two deletions select are one user each: a scan by places takes each once.
  tids constant tid[] := p_tids || ARRAY(
    SELECT unnest(r.tids[r.cursor + 1 :]) FROM public.running_deletion_parts r
     WHERE r.workspace_id = p_workspace AND r.job_id IS DISTINCT FROM p_job AND r.rows_left > 0);
  found record;
BEGIN
  EXECUTE format($sql$
    WITH late AS MATERIALIZED (SELECT * FROM public.late_returns WHERE workspace_id = $1
    ), counted AS (
      SELECT width_bucket(coalesce(l.returned_at, u.created_at), $2) AS bucket,
             sum(u.there) AS there, sum(u.going) AS going
        FROM (%s) AS u LEFT JOIN late l ON l.inserted_in = u.inserted_in GROUP BY 1)
    SELECT array_agg(bucket) AS buckets, array_agg(there) AS there, array_agg(going) AS going
      FROM counted
    $sql$, format(CASE WHEN needed <= 20000 THEN $sql$
      (SELECT created_at, inserted_in, 1 AS there, 0 AS going FROM ONLY public.%1$I
        WHERE workspace_id = $1 ORDER BY created_at LIMIT %2$s)
      UNION ALL
      SELECT created_at, inserted_in, 0, 1 FROM ONLY public.%1$I WHERE ctid = ANY ($3) $sql$
    ELSE $sql$
      SELECT created_at, inserted_in, 1 AS there, (ctid = ANY ($3))::int AS going
        FROM ONLY public.%1$I $sql$ END, 'users_' || p_workspace, needed))
    INTO found USING p_workspace, moments, tids;
  PERFORM public.judge_deletion(p_workspace, moments, found.buckets, found.there, found.going);
END $$;

-- Refuses a deletion of the users with these ids, by the rule. Error KS008.
CREATE FUNCTION refuse_deletion_of(p_workspace text, p_ids text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  places tid[];
BEGIN
  -- By the table of all workspaces, whose row-level security must not hide any. EXECUTE makes a plan of this
  -- workspace alone; a plan that is kept for later calls would lock the partitions of all others.
  EXECUTE 'SELECT array_agg(ctid) FROM public.users WHERE workspace_id = $1 AND user_id = ANY ($2)'
    INTO places USING p_workspace, p_ids;
  IF places IS NULL OR public.leaves_enough_users(p_workspace, NULL, cardinality(places)) THEN
    RETURN;
  END IF;
  PERFORM public.refuse_nearly_everyone(p_workspace, NULL, places);
END $$;

-- Refuses a deletion of the users that an attempt at a backup holds, by the rule. Error KS008.
CREATE FUNCTION refuse_deletion_by(p_export uuid, p_attempt int)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  backup record;
BEGIN
  SELECT e.workspace_id, e.job_id, sum(p.rows) AS rows INTO backup
    FROM public.exports e
    JOIN public.export_parts p ON p.export_id = e.id AND p.attempt = p_attempt
   WHERE e.id = p_export GROUP BY e.id;
  IF NOT FOUND OR public.leaves_enough_users(backup.workspace_id, backup.job_id, backup.rows) THEN
    RETURN;
  END IF;
  PERFORM public.refuse_nearly_everyone(backup.workspace_id, backup.job_id, ARRAY(
    SELECT unnest(p.tids) FROM public.export_parts p
     WHERE p.export_id = p_export AND p.attempt = p_attempt));
END $$;

-- Whether a job is the run of a delete-all request: the request names it, and is running. While the job has
-- not ended, the request stays so.
CREATE FUNCTION is_approved_run(p_job uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN EXISTS (
  SELECT FROM public.jobs j JOIN public.delete_all_requests r ON r.id = j.parent_id
   WHERE j.id = p_job AND r.job_id = j.id AND r.state = 'running' AND r.workspace_id = j.workspace_id);

-- Admits the deletion of a backup's users, unless the rule refuses it; does nothing if it was admitted
-- before, and for what is not a backup. The run of an approved request is admitted without a count. The lock
-- of the workspace is held until the caller commits: of two deletions at once the second sees the first.
--
-- Errors: KS004 the wrong isolation, KS008 nearly everyone would be deleted, KS015 the job names a request whose
-- run it is not.
CREATE FUNCTION admit_deletion(p_export uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  backup record;
  newest record;
BEGIN
  -- What others have committed must be seen once the lock is held.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'deletions are admitted under READ COMMITTED only' USING ERRCODE = 'KS004';
  END IF;
  SELECT e.job_id, e.workspace_id, e.attempt, e.rows, j.parent_id, j.parent_id IS NOT NULL AS is_approved
    INTO backup FROM public.exports e
    JOIN public.jobs j ON j.id = e.job_id AND j.type = 'deletion' AND j.workspace_id = e.workspace_id
   WHERE e.id = p_export AND e.purpose = 'backup' AND e.attempt IS NOT NULL;
  -- By what is no backup nobody is deleted: `delete_backed_up_users` refuses it.
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM FROM public.workspaces w WHERE w.id = backup.workspace_id FOR NO KEY UPDATE;
  PERFORM FROM public.admitted_deletions a WHERE a.export_id = p_export;
  IF FOUND THEN RETURN; END IF;
  IF NOT backup.is_approved THEN
    PERFORM public.refuse_deletion_by(p_export, backup.attempt);
  ELSIF NOT public.is_approved_run(backup.job_id) THEN
    RAISE EXCEPTION 'job % is not the run of request %', backup.job_id, backup.parent_id
      USING ERRCODE = 'KS015';
  END IF;
  SELECT a.rows_so_far, a.admitted_at INTO newest FROM public.admitted_deletions a
   WHERE a.workspace_id = backup.workspace_id ORDER BY a.admitted_at DESC, a.rows_so_far DESC LIMIT 1;
  INSERT INTO public.admitted_deletions
    (export_id, attempt, job_id, workspace_id, is_approved, rows, rows_so_far, admitted_at)
  VALUES (p_export, backup.attempt, backup.job_id, backup.workspace_id, backup.is_approved, backup.rows,
    coalesce(newest.rows_so_far, 0) + CASE WHEN backup.is_approved THEN 0 ELSE backup.rows END,
    -- A clock that was set back does not change the order.
    greatest(clock_timestamp(), newest.admitted_at));
END $$;

-- As in 0008, but that the deletion must have been admitted, that a failed ASSERT in a trigger is its row's, and
-- that each part keeps the oldest `created_at` of those it deleted.
--
-- The one way to delete users. Takes a slice of a verified part's tids, so nothing is selected
-- again: a row goes only if it stands where the backup found it, in the version the backup holds. All
-- of it is one transaction of the caller's, who commits it or loses it whole.
--
-- `public` is on the search path for the sake of triggers that others put on the table; nobody but
-- the owner may create anything there.
--
-- Errors: KS001 no verified backup, KS002 the slice was taken before, KS003 the table changed since
-- the backup, KS004 the job may not delete (any more), KS005 other users would go as well, KS009 the
-- server runs with fsync off, KS010 the deletion was not admitted, KS015 it was admitted as the run of a
-- request, and is not (any more).
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
  oldest_of_slice timestamptz;
  admitted record;
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
  SELECT a.is_approved INTO admitted FROM public.admitted_deletions a
   WHERE a.export_id = p_export AND a.attempt = backup.attempt;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the deletion by export % was not admitted', p_export USING ERRCODE = 'KS010';
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
        RETURNING u.user_id, u.created_at
      )
      SELECT coalesce(array_agg(user_id), '{}') AS deleted_ids, '{}'::text[] AS failed_ids,
             '{}'::text[] AS reasons, min(created_at) AS oldest
        FROM gone
    $sql$, partition_oid::regclass)
    INTO gone USING slice, backup.snapshot, backup.ended_xids;
    deleted_count := cardinality(gone.deleted_ids);
    IF pg_stat_get_xact_tuples_deleted(partition_oid) - deleted_before <> deleted_count THEN
      RAISE EXCEPTION 'users would go that are not in the backup' USING ERRCODE = 'KS005',
        HINT = 'track_counts must be on, and no trigger may delete users';
    END IF;
  EXCEPTION WHEN OTHERS OR assert_failure THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    IF SQLSTATE LIKE 'KS%' OR NOT public.is_error_of_a_row(SQLSTATE, context) THEN RAISE; END IF;
    -- Of the whole slice: one that is too old only makes the rule stricter.
    EXECUTE format('SELECT min(u.created_at) FROM ONLY %s u WHERE u.ctid = ANY ($1)',
      partition_oid::regclass) INTO oldest_of_slice USING slice;
    SELECT one_by_one.*, oldest_of_slice AS oldest INTO gone
      FROM public.delete_users_one_by_one(
        partition_oid::regclass, slice, backup.snapshot, backup.ended_xids) AS one_by_one;
    deleted_count := cardinality(gone.deleted_ids);
  END;
  PERFORM set_config('lock_timeout', lock_timeout_before, true);
  IF public.users_deleted_elsewhere(partition_oid) <> elsewhere_before THEN
    RAISE EXCEPTION 'users of other workspaces would go' USING ERRCODE = 'KS005';
  END IF;

  INSERT INTO public.deletion_batches (export_id, attempt, part, cursor, deleted_ids, failed_ids, reasons)
  VALUES (p_export, backup.attempt, p_part, p_cursor, gone.deleted_ids, gone.failed_ids, gone.reasons);
  UPDATE public.export_parts p
     SET deleted = p.deleted + deleted_count, oldest_deleted = least(p.oldest_deleted, gone.oldest)
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
  IF admitted.is_approved AND NOT public.is_approved_run(backup.job_id) THEN
    RAISE EXCEPTION 'job % is not the run of its request', backup.job_id USING ERRCODE = 'KS015';
  END IF;
  PERFORM FROM public.exports e WHERE e.id = p_export AND e.state = 'verified'
     AND e.attempt = backup.attempt FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'export % is not a verified backup any more', p_export USING ERRCODE = 'KS001';
  END IF;
  RETURN deleted_count;
END $$;

GRANT SELECT ON admitted_deletions, running_deletion_parts, taken_users, late_returns
  TO keepsake_app, keepsake_deleter;
GRANT SELECT ON delete_all_settings, delete_all_requests TO keepsake_deleter;
GRANT INSERT ON admitted_deletions TO keepsake_deleter;
-- The lock of a workspace asks for the right to update some column.
GRANT SELECT, UPDATE (id) ON workspaces TO keepsake_deleter;
GRANT UPDATE (oldest_deleted) ON export_parts TO keepsake_deleter;

REVOKE ALL ON FUNCTION admit_deletion FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO keepsake_deleter;
ALTER FUNCTION admit_deletion OWNER TO keepsake_deleter;
REVOKE CREATE ON SCHEMA public FROM keepsake_deleter;
GRANT EXECUTE ON FUNCTION admit_deletion TO keepsake_app;
