-- A stored selection must have all its parts, so that none can be lost unnoticed. Jobs of earlier versions had
-- excluded ids only if there were any, and no name of their segment. A preview lives for minutes and is not changed:
-- its row names the transaction that wrote it.
UPDATE jobs SET selection = '{"excludeIds": []}' || selection
 WHERE selection ->> 'type' IN ('segment', 'filter') AND NOT selection ?| '{excludeIds,erased}';
UPDATE jobs SET selection = '{"segmentName": null}' || selection
 WHERE selection ->> 'type' = 'segment' AND NOT selection ?| '{segmentName,erased}';

-- As in 0006, without a count of no excluded ids.
CREATE OR REPLACE FUNCTION erased_selection(p_selection jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'type', p_selection->'type',
    'count', coalesce(p_selection->'count', to_jsonb(jsonb_array_length(p_selection->'ids'))),
    'excludedCount', nullif(jsonb_array_length(p_selection->'excludeIds'), 0),
    'erased', true))
$$;
