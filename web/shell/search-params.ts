import { defaultParseSearch, defaultStringifySearch } from '@tanstack/react-router';

/** Texts of people and ids. They stand in the address as they are; all else is JSON. */
const TEXTS = ['q', 'segment'];

/**
 * Reads the part of an address after its path. A search for `null` or `1e3` is a text: as JSON it
 * would list every user, or search for `1000`.
 */
export const parseSearch = (search: string): Record<string, unknown> => {
  const raw = new URLSearchParams(search);
  const texts = TEXTS.flatMap((name) => {
    const [text, ...more] = raw.getAll(name);
    return text === undefined || more.length > 0 ? [] : [[name, text] as const];
  });
  return { ...defaultParseSearch(search), ...Object.fromEntries(texts) };
};

/** The opposite of {@link parseSearch}. */
export const stringifySearch = (search: Record<string, unknown>): string => {
  const params = new URLSearchParams(defaultStringifySearch(search));
  for (const name of TEXTS) {
    const text = search[name];
    if (typeof text === 'string') params.set(name, text);
  }
  return params.size === 0 ? '' : `?${params.toString()}`;
};
