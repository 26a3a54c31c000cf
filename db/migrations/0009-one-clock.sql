-- Expiry is set and judged by this clock, and by no other. What would have expired as it is written was
-- reckoned by another clock: kept, it would be removed within the hour. An expiry may still be changed.
CREATE FUNCTION refuse_born_expired() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a new row of % has expired already', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'not_born_expired';
END $$;

CREATE TRIGGER not_born_expired BEFORE INSERT ON exports
  FOR EACH ROW WHEN (NEW.expires_at <= now()) EXECUTE FUNCTION refuse_born_expired();
CREATE TRIGGER not_born_expired BEFORE INSERT ON download_links
  FOR EACH ROW WHEN (NEW.expires_at <= now()) EXECUTE FUNCTION refuse_born_expired();
CREATE TRIGGER not_born_expired BEFORE INSERT ON import_files
  FOR EACH ROW WHEN (NEW.expires_at <= now()) EXECUTE FUNCTION refuse_born_expired();
CREATE TRIGGER not_born_expired BEFORE INSERT ON previews
  FOR EACH ROW WHEN (NEW.expires_at <= now()) EXECUTE FUNCTION refuse_born_expired();
