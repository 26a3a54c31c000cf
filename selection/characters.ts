/**
 * Marks the start of a file as UTF-8. Some programs write it so that readers detect the encoding.
 */
export const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The characters that JavaScript's `trim` removes, for PostgreSQL's `btrim`, which by default
 * removes spaces only. The last one is the byte-order mark.
 */
export const BLANKS =
  '\t\n\v\f\r \u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A' +
  `\u2028\u2029\u202F\u205F\u3000${BYTE_ORDER_MARK}`;

/** Control and format characters, blanks, and characters that fonts show as nothing. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
const VISIBLE_ASCII = /^[!-~]*$/;
/** The same characters except the space, and spaces at the start or end of a text. */
const MISTAKABLE = /(?! )[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]|^ +| +$/gu;
const SEEN = /[^\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** Names of characters that are frequent in files and forms. */
const NAMES: Readonly<Record<string, string>> = {
  '\t': 'tab',
  '\n': 'line feed',
  '\r': 'carriage return',
  ' ': 'space',
  '\u00A0': 'no-break space',
  '\u00AD': 'soft hyphen',
  '\u200B': 'zero width space',
  '\u200C': 'zero width non-joiner',
  '\u200D': 'zero width joiner',
  '\u200E': 'left-to-right mark',
  '\u200F': 'right-to-left mark',
  '\u202A': 'left-to-right embedding',
  '\u202C': 'pop directional formatting',
  '\u202F': 'narrow no-break space',
  '\u2060': 'word joiner',
  [BYTE_ORDER_MARK]: 'byte-order mark',
};

/** A possibly invisible character for a message: `U+200B (zero width space)`. */
export const nameOfCharacter = (character: string): string => {
  const name = NAMES[character];
  return name === undefined ? codePointOf(character) : `${codePointOf(character)} (${name})`;
};

/** A text with each character replaced by its code point, such as `[U+200B]`. */
export const withCodePoints = (text: string): string =>
  Array.from(text, (character) => `[${codePointOf(character)}]`).join('');

/** A text in which each invisible character is replaced by its code point. */
export const visibleText = (text: string): string => text.replace(MISTAKABLE, withCodePoints);

/** The problem of a text that identifies a user but has no visible character. */
export const unseenProblem = (text: string): string | undefined =>
  SEEN.test(text) ? undefined : 'must have a visible character';

/** The problem of a text that must be visible as a whole: its first invisible character. */
export const invisibleProblem = (text: string): string | undefined => {
  if (VISIBLE_ASCII.test(text)) return undefined;
  const found = INVISIBLE.exec(text)?.[0];
  return (
    found &&
    `has the character ${nameOfCharacter(found)}, which is not allowed; remove the character`
  );
};

const codePointOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
