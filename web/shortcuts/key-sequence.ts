/** The time within which the second key of a sequence must follow. */
const SEQUENCE_MS = 1_500;

/** What of a key event decides whether it is a shortcut. */
export interface PressedKey {
  key: string;
  isModified: boolean;
  /** The focus is where a key types or chooses. */
  isInField: boolean;
  atMs: number;
}

/**
 * Recognizes single keys (`?`) and sequences of two (`g` then `u`, written `g u`).
 *
 * @returns a function that takes each pressed key and returns what was recognized, if anything
 */
export const createKeySequence = (): ((
  pressed: PressedKey,
  known: ReadonlySet<string>,
) => string | undefined) => {
  let first: { key: string; untilMs: number } | undefined;
  return ({ key, isModified, isInField, atMs }, known) => {
    const begun = first !== undefined && atMs <= first.untilMs ? first.key : undefined;
    first = undefined;
    if (isModified || isInField) return undefined;
    if (begun !== undefined && known.has(`${begun} ${key}`)) return `${begun} ${key}`;
    if (known.has(key)) return key;
    if ([...known].some((keys) => keys.startsWith(`${key} `))) {
      first = { key, untilMs: atMs + SEQUENCE_MS };
    }
    return undefined;
  };
};
