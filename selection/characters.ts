/** Begins a file in UTF-8, where its writer wants to be sure that it is read as such. */
export const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The characters that JavaScript's `trim` takes off, for PostgreSQL's `btrim`, which knows the
 * space alone. The last one is the byte-order mark.
 */
export const BLANKS =
  '\t\n\v\f\r \u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A' +
  `\u2028\u2029\u202F\u205F\u3000${BYTE_ORDER_MARK}`;

/** Controls, formats, blanks, and what fonts show nothing for. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
const VISIBLE_ASCII = /^[!-~]*$/;
/** All of them but the space, and spaces around a text. */
const MISTAKABLE = /(?! )[\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]|^ +| +$/gu;
const SEEN = /[^\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** What files and forms bring most often. */
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

const codePointOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** A character for a message, where it may not be seen: `U+200B (zero width space)`. */
export const nameOfCharacter = (character: string): string => {
  const name = NAMES[character];
  return name === undefined ? codePointOf(character) : `${codePointOf(character)} (${name})`;
};

/** A text with each of these characters by its code point, such as `[U+200B]`. */
export const withCodePoints = (text: string): string =>
  Array.from(text, (character) => `[${codePointOf(character)}]`).join('');

/** A text in which all can be seen: other characters stand by their code points. */
export const visibleText = (text: string): string => text.replace(MISTAKABLE, withCodePoints);

/** What is wrong with a text that names somebody, and in which nobody sees anything. */
export const unseenProblem = (text: string): string | undefined =>
  SEEN.test(text) ? undefined : 'must have a visible character';

/** What is wrong with a text that must be seen as a whole: its first character that is not. */
export const invisibleProblem = (text: string): string | undefined => {
  if (VISIBLE_ASCII.test(text)) return undefined;
  const found = INVISIBLE.exec(text)?.[0];
  return found && `holds the character ${nameOfCharacter(found)}, which is not allowed; remove it`;
};
