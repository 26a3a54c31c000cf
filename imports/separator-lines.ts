import { visibleName } from './column-names.ts';
import type { Rule } from './rules.ts';

/** A note; the separator is repeated if a sheet with several columns was saved again. */
const NOTE = /^sep=(?:([^"\w\p{L}\p{N}])\1*)?$/iu;

const EQUALS_AT = 'sep'.length;

const NAMES: Readonly<Record<string, string>> = {
  ',': 'a comma',
  ';': 'a semicolon',
  '\t': 'a tab',
};

/** The name of a separator in messages. */
export const nameOfSeparator = (separator: string): string =>
  NAMES[separator] ?? visibleName(separator);

/**
 * The separator that a record such as `sep=;` names, whether or not the record was split at it.
 * Empty if the record names none. Undefined for any other record.
 */
export const namedSeparator = (
  [first = '', ...others]: readonly string[],
  separator: string,
): string | undefined => {
  // Checked for every record; an equals sign at this position is rare.
  const found = first[EQUALS_AT] === '=' ? NOTE.exec(first) : null;
  if (found === null || others.some((cell) => cell !== '')) return undefined;
  return found[1] ?? (others.length > 0 ? separator : '');
};

/** The problem of such a line if no header follows. */
export const SEPARATOR_PROBLEM = {
  rule: 'separatorLine',
  message: 'names a separator, as sep=; does, but no header follows; remove the line',
} as const satisfies { rule: Rule; message: string };
