-- A column of users may count by a sequence, such as one of type serial. To insert a user takes a right on the sequence,
-- which nobody gives with ALTER TABLE. Gives that right for the defaults of users, where it is missing.
CREATE FUNCTION let_users_count() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  counter regclass;
BEGIN
  FOR counter IN
    SELECT DISTINCT c.oid FROM pg_attrdef a
      JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid
       AND d.refclassid = 'pg_class'::regclass
      JOIN pg_class c ON c.oid = d.refobjid AND pg_has_role(c.relowner, 'USAGE')
     WHERE (a.adrelid = 'public.users'::regclass
            OR a.adrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.users'::regclass))
       AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege('keepsake_app', c.oid, 'USAGE') END
  LOOP
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO keepsake_app', counter);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION let_users_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION let_users_count TO keepsake_app;
