import { useCallback, useEffect, useRef } from 'react';

/** Gives a signal that is aborted once this part of the page is no longer shown. */
export const useShownSignal = (): (() => AbortSignal | undefined) => {
  const shown = useRef<AbortController>(undefined);
  useEffect(() => {
    const part = new AbortController();
    shown.current = part;
    return () => part.abort();
  }, []);
  return useCallback(() => shown.current?.signal, []);
};
