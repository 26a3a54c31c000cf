import { visibleName } from './column-names.ts';
import type { Rule } from './rules.ts';

/** The separator, perhaps as often as a sheet has columns that was saved again. */
const NOTE = /^sep=(?:([^"\w\p{L}\p{N}])\1*)?$/iu;

const EQUALS_AT = 'sep'.length;

const NAMES: Readonly<Record<string, string>> = {
  ',': 'a comma',
  ';': 'a semicolon',
  '\t': 'a tab',
};

/** A separator as messages call it. */
export const nameOfSeparator = (separator: string): string =>
  NAMES[separator] ?? visibleName(separator);

/**
 * The separator that a record such as `sep=;` names, cut at the separator or not; empty where it
 * names none. Undefined for any other record.
 */
export const namedSeparator = (
  [first = '', ...others]: readonly string[],
  separator: string,
): string | undefined => {
  // Every record is asked, and hardly one has an equals sign there.
  const found = first[EQUALS_AT] === '=' ? NOTE.exec(first) : null;
  if (found === null || others.some((cell) => cell !== '')) return undefined;
  return found[1] ?? (others.length > 0 ? separator : '');
};

/** Why no user is made of such a line, where no header follows. */
export const SEPARATOR_PROBLEM = {
  rule: 'separatorLine',
  message: 'names a separator, as sep=; does, but no header follows; remove the line',
} as const satisfies { rule: Rule; message: string };
