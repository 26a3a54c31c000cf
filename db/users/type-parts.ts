/**
 * SQL for the composite types and enums that the values of a column `a` are made of, as JSON:
 * elements of arrays, base types of domains, attributes of composites, bounds of ranges.
 */
export const TYPE_PARTS = `(
  WITH RECURSIVE reached AS (
    SELECT a.atttypid AS oid
    UNION
    SELECT part.oid FROM reached JOIN pg_type y ON y.oid = reached.oid CROSS JOIN LATERAL (
      VALUES (y.typelem), (y.typbasetype)
      UNION ALL SELECT f.atttypid FROM pg_attribute f WHERE f.attrelid = y.typrelid AND f.attnum > 0
      UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE y.oid IN (r.rngtypid, r.rngmultitypid)
    ) AS part (oid))
  SELECT json_agg(json_build_object('type', format_type(y.oid, NULL), 'isEnum', y.typtype = 'e',
           'names', CASE y.typtype WHEN 'e'
             THEN (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder)
                     FROM pg_enum l WHERE l.enumtypid = y.oid)
             ELSE (SELECT json_agg(f.attname ORDER BY f.attnum) FROM pg_attribute f
                    WHERE f.attrelid = y.typrelid AND f.attnum > 0 AND NOT f.attisdropped) END)
           ORDER BY y.oid)
    FROM reached JOIN pg_type y ON y.oid = reached.oid
   WHERE y.typtype = 'e' AND EXISTS (SELECT FROM pg_enum l WHERE l.enumtypid = y.oid)
      OR y.typtype = 'c' AND EXISTS (SELECT FROM pg_attribute f
           WHERE f.attrelid = y.typrelid AND f.attnum > 0 AND NOT f.attisdropped))`;
