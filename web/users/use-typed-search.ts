import { useCallback, useEffect, useRef, useState } from 'react';

/** Typing rests for this long before the list changes. */
const REST_MS = 250;

export interface TypedSearch {
  /** As it stands in the search box, with the blanks around a pasted text. */
  text: string;
  setText: (text: string) => void;
  /** What is searched for once the text is in the address. */
  q: string | undefined;
  /** Puts a text that waits for typing to rest into the address at once. */
  flush: () => void;
  /** Shows a search that is about to be in the address, in place of what was typed. */
  replace: (q: string | undefined) => void;
}

/** The text of the search box. It follows the address, and changes it once typing rests. */
export const useTypedSearch = (
  inAddress: string | undefined,
  onRest: (q: string | undefined) => void,
): TypedSearch => {
  const [text, setText] = useState(inAddress ?? '');
  const sent = useRef(inAddress);
  const latest = useRef(onRest);
  useEffect(() => {
    latest.current = onRest;
  });
  const replace = useCallback((q: string | undefined): void => {
    sent.current = q;
    setText(q ?? '');
  }, []);
  useEffect(() => {
    // Changed by other means than typing, such as the Back button.
    if (inAddress !== sent.current) replace(inAddress);
  }, [inAddress, replace]);
  const q = text.trim() || undefined;
  const flush = useCallback((): void => {
    if (q === sent.current) return;
    sent.current = q;
    latest.current(q);
  }, [q]);
  useEffect(() => {
    const timer = setTimeout(flush, REST_MS);
    return () => clearTimeout(timer);
  }, [flush]);
  return { text, setText, q, flush, replace };
};
