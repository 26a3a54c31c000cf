-- Whose a mail address is. Letters that look alike by their width, characters that nobody sees, a tag after
-- a plus, and the dots that Gmail ignores make no second person.
CREATE FUNCTION person_of(p_email text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
  WITH plain AS (
    SELECT lower(regexp_replace(normalize(p_email, NFKC),
      -- Blanks, controls, and what Unicode calls default-ignorable.
      '[\s\u0001-\u001F\u007F-\u009F\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F'
      '\u2028-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U0001BCA0-\U0001BCA3'
      '\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]', '', 'g')) AS email
  ), halves AS (
    SELECT regexp_replace(regexp_replace(email, '@[^@]*$', ''), '\+.*$', '') AS name,
           rtrim(substring(email FROM '@([^@]*)$'), '.') AS domain
      FROM plain
  )
  SELECT CASE WHEN domain IN ('gmail.com', 'googlemail.com')
              THEN replace(name, '.', '') || '@gmail.com'
              ELSE name || '@' || coalesce(domain, '') END
    FROM halves
$$;

ALTER TABLE api_keys ADD COLUMN person text NOT NULL GENERATED ALWAYS AS (person_of(owner_email)) STORED;
