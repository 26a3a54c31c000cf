import { useEffect, useRef } from 'react';
import { useRefreshUsers } from '../jobs/use-refresh-users.ts';
import type { Segment } from '../segments/use-segment-list.ts';

/** Reads the list again if somebody has changed the filter of its segment. */
export const useFreshSegment = (segment: Segment | undefined): void => {
  const refresh = useRefreshUsers();
  const { id, filter } = segment ?? {};
  const json = filter && JSON.stringify(filter);
  const last = useRef({ id, json });
  useEffect(() => {
    const isChanged = last.current.id === id && last.current.json !== json;
    last.current = { id, json };
    if (isChanged) refresh();
  }, [id, json, refresh]);
};
