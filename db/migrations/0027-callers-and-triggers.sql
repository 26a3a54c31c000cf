-- Bounds what a worker that was taken over may say, and what triggers of others may do to a deletion.
-- docs/architecture.md has what is left to each.

-- Before PostgreSQL 18 a deferred trigger runs as whoever is current when it fires, and this function fires all of
-- them as a role that may delete users. So none may wait when it begins: a transaction that has written nothing has no
-- deferred trigger. `rehearse_deletion` needs no such rule, for its transaction is never committed.
CREATE FUNCTION refuse_earlier_writes() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'users are deleted by transactions that have written nothing before' USING ERRCODE = 'KS004';
  END IF;
END $$;

-- Changes known pieces of functions, and leaves the rest of them as they are. Their owners stay.
CREATE FUNCTION pg_temp.change_function(p_function regprocedure, p_old text, p_new text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  body constant text := pg_get_functiondef(p_function);
BEGIN
  IF (length(body) - length(replace(body, p_old, ''))) <> length(p_old) THEN
    RAISE EXCEPTION '% does not hold exactly once: %', p_function, p_old;
  END IF;
  EXECUTE replace(body, p_old, p_new);
END $$;

SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
  E'\nBEGIN\n', E'\nBEGIN\n  PERFORM public.refuse_earlier_writes();\n');

-- A trigger that runs with the statement may say SET CONSTRAINTS ALL DEFERRED. What it puts off so must still be done
-- before the users are counted, and while it can be told for which of them.
SELECT pg_temp.change_function('delete_backed_up_users(uuid, int, int, int)',
  'INTO gone USING slice, backup.snapshot, backup.ended_xids;
', 'INTO gone USING slice, backup.snapshot, backup.ended_xids;
    SET CONSTRAINTS ALL IMMEDIATE;
');
SELECT pg_temp.change_function('delete_users_one_by_one(regclass, tid[], pg_snapshot, xid[])',
  'GET DIAGNOSTICS row_count = ROW_COUNT;
', 'GET DIAGNOSTICS row_count = ROW_COUNT;
      SET CONSTRAINTS ALL IMMEDIATE;
');

-- SQL for the names of the columns that a row `u` has a value in. To ask JSON for them fails for a column of type json
-- that holds what has no text, such as "\u0000".
CREATE FUNCTION known_columns(p_partition regclass) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT format('array_remove(ARRAY[%s]::text[], NULL)',
    string_agg(format('CASE WHEN num_nulls(u.%I) = 0 THEN %L END', attname, attname), ', '))
    FROM pg_attribute WHERE attrelid = p_partition AND attnum > 0 AND NOT attisdropped
$$;
SELECT pg_temp.change_function('rehearse_deletion(uuid, int, int)', 'ARRAY(
                   SELECT key FROM json_each_text(row_to_json(u.*)) WHERE value IS NOT NULL)', '%2$s');
SELECT pg_temp.change_function('rehearse_deletion(uuid, int, int)', 'FROM ONLY %s u', 'FROM ONLY %1$s u');
SELECT pg_temp.change_function('rehearse_deletion(uuid, int, int)', '$sql$, partition) USING',
  '$sql$, partition, public.known_columns(partition)) USING');

-- As in 0008, but that RAISE is of the row also where it chose the code of a server that is away, and that a connection (08)
-- which fails within a statement is one to another server.
CREATE OR REPLACE FUNCTION is_error_of_a_row(p_sqlstate text, p_context text) RETURNS boolean
LANGUAGE sql IMMUTABLE RETURN
  coalesce(split_part(p_context, E'\n', 1), '') ~ ' RAISE$'
  OR p_sqlstate !~ '^(28|3D|40|53|57|58|25006|25P03|25P04|55006)'
     AND p_sqlstate !~ '^(0A|0B|25|26|2B|2D|34|3B|3F|42|55(?!P03)|F0|HV|XX)';

-- Whose job it is, about whom, and what it takes from stays as it was asked.
REVOKE UPDATE ON jobs FROM keepsake_worker;
GRANT UPDATE (state, phase, phase_started_at, run_id, total, started_at, counts, reasons, error_type, error_message,
  finished_at) ON jobs TO keepsake_worker;

-- Nothing of a job that has ended changes, until its traces are erased.
SELECT pg_temp.change_function('guard_job()',
  'IF public.acts_as_owner() THEN', 'IF public.acts_as_owner() OR current_user = ''keepsake_eraser'' THEN');
SELECT pg_temp.change_function('guard_job()', '(NEW.state, NEW.finished_at, NEW.counts)
       IS DISTINCT FROM (OLD.state, OLD.finished_at, OLD.counts)', 'NEW IS DISTINCT FROM OLD');

-- An export begins empty, and belongs to what it began for.
REVOKE INSERT, UPDATE ON exports FROM keepsake_worker;
GRANT INSERT (id, job_id, workspace_id, purpose, pass, format, compression, expires_at),
  UPDATE (state, attempt, rows, bytes, sha256, verified_at, scrubbed_at, removed_at) ON exports TO keepsake_worker;

-- The attempt that an export has won with stays, and with it all that is counted by it. Beside 0017.
CREATE FUNCTION guard_written_export() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- As long as the API lets a backup be kept, and a day.
  longest constant interval := '10 years 1 day';
BEGIN
  IF public.acts_as_owner() OR current_user = 'keepsake_eraser' THEN RETURN NEW; END IF;
  IF OLD.attempt IS NOT NULL AND (NEW.attempt, NEW.rows, NEW.bytes, NEW.sha256)
       IS DISTINCT FROM (OLD.attempt, OLD.rows, OLD.bytes, OLD.sha256)
     OR OLD.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at
     OR NEW.state <> OLD.state AND NEW.state <> 'removed' AND OLD.state || ' ' || NEW.state NOT IN
       ('writing written', 'written verified', 'verified damaged', 'damaged verified')
     OR NEW.expires_at <> OLD.expires_at AND NEW.expires_at > now() + longest
  THEN
    RAISE EXCEPTION 'export % is not changed so by %', OLD.id, current_user USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_written_export BEFORE UPDATE ON exports
  FOR EACH ROW EXECUTE FUNCTION guard_written_export();

-- Snapshots are no younger than the transaction that writes them down, and counters begin at nothing.
REVOKE INSERT ON export_attempts, export_parts, restore_chunks FROM keepsake_worker;
REVOKE INSERT ON previews FROM keepsake_api;
GRANT INSERT (export_id, attempt, snapshot, fingerprint, columns, ended_xids) ON export_attempts TO keepsake_worker;
GRANT INSERT (export_id, attempt, part, rows, raw_bytes, bytes, sha256, tids) ON export_parts TO keepsake_worker;
GRANT INSERT (job_id, part, restored, present, failed, restored_ids) ON restore_chunks TO keepsake_worker;
GRANT INSERT (id, workspace_id, actor_key_id, selection, count, held, users, snapshot, request_id, expires_at)
  ON previews TO keepsake_api;

-- Only a restore that runs puts users back.
CREATE FUNCTION guard_chunk() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM public.jobs j WHERE j.id = NEW.job_id AND j.type = 'restore' AND j.finished_at IS NULL;
  IF FOUND OR public.acts_as_owner() THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'job % restores nobody', NEW.job_id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER guard_chunk BEFORE INSERT ON restore_chunks FOR EACH ROW EXECUTE FUNCTION guard_chunk();

-- What is admitted is counted by the rows of the parts, whatever the export says that it holds.
CREATE FUNCTION guard_admission() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM public.export_parts p WHERE p.export_id = NEW.export_id AND p.attempt = NEW.attempt
   HAVING coalesce(sum(p.rows), 0) = NEW.rows;
  IF FOUND THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'export % does not hold % users', NEW.export_id, NEW.rows USING ERRCODE = 'KS001';
END $$;
CREATE TRIGGER guard_admission BEFORE INSERT ON admitted_deletions
  FOR EACH ROW EXECUTE FUNCTION guard_admission();

-- As in 0017, but that the worker reports what it did, in nobody's name.
CREATE OR REPLACE FUNCTION guard_activity() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF public.acts_as_owner() OR current_user = 'keepsake_gate'
     OR public.acts_as_worker() AND NEW.actor_key_id IS NULL AND NEW.kind IN (
       'exportFinished', 'importFinished', 'deletionFinished', 'restoreFinished', 'backupExpired', 'exportExpired',
       'importFileExpired', 'backupDamaged', 'backupRepaired', 'leftoversRemoved')
     OR pg_has_role(current_user, 'keepsake_api', 'USAGE') AND (
       NEW.kind IN ('exportStarted', 'importStarted', 'deletionStarted', 'restoreStarted', 'jobCancelled',
         'download', 'linkCreated', 'linkRevoked', 'holdSet', 'holdCleared', 'backupExtended', 'backupHeld',
         'backupReleased')
       OR NEW.kind LIKE '%Finished' AND EXISTS (
         SELECT FROM public.jobs j WHERE j.id = NEW.job_id AND NEW.kind = j.type || 'Finished'
            AND j.started_at IS NULL AND j.state IN ('failed', 'cancelled'))) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% does not tell of %', current_user, NEW.kind USING ERRCODE = 'restrict_violation';
END $$;

-- As in 0015, but that the end of an import counts also while another goes on: users that came with the first were
-- all there then. A dry run brings nobody.
CREATE OR REPLACE FUNCTION deletion_moments(p_workspace text) RETURNS timestamptz[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  WITH since AS MATERIALIZED (SELECT now() - memory AS t FROM public.delete_all_settings
  ), imports AS MATERIALIZED (
    SELECT j.started_at, coalesce(j.finished_at, now()) AS ended_at FROM public.jobs j, since
     WHERE j.workspace_id = p_workspace AND j.type = 'import' AND j.started_at IS NOT NULL
       AND j.options->'dryRun' IS DISTINCT FROM 'true'
       AND (j.finished_at IS NULL OR j.finished_at > since.t)
  ), candidates AS (
    SELECT t FROM since
    UNION (SELECT started_at FROM imports ORDER BY started_at DESC LIMIT 100)
    UNION SELECT now() - make_interval(secs => 0.05 * 1.15 ^ k) FROM generate_series(0, 130) AS k
    UNION (SELECT a.admitted_at FROM public.admitted_deletions a, since
            WHERE a.workspace_id = p_workspace AND a.admitted_at >= since.t AND NOT a.is_approved
            ORDER BY a.rows DESC LIMIT 100)
  ), moments AS (
    SELECT c.t FROM candidates c
     WHERE NOT EXISTS (SELECT FROM imports i WHERE i.started_at < c.t AND c.t < i.ended_at)
    UNION (SELECT ended_at FROM imports ORDER BY ended_at DESC LIMIT 100))
  SELECT coalesce(array_agg(m.t ORDER BY m.t), '{}') FROM moments m, since WHERE m.t >= since.t
$$;
