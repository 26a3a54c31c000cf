import { visibleText, withCodePoints } from '../selection/characters.ts';

/** Longest name that is compared with others, and longest shown part of a name, in UTF-16 units. */
const MAX_NAME_LENGTH = 80;
/**
 * Most edits between a wrong name and a suggestion: one for a short name, two for a longer name.
 */
const MAX_EDITS = 2;
const MAX_SHORT_LENGTH = 5;

/** Letters of other scripts, some of which look like Latin letters. */
const OTHER_SCRIPTS = /[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/gu;
const NO_LETTERS = /[^\p{L}\p{N}]/gu;

const PREFIX = /^propert(?:y|ies)[._ ]/i;

/** A name in backticks, with each invisible character as its code point, such as `[U+200B]`. */
export const visibleName = (name: string): string => {
  const isLong = name.length > MAX_NAME_LENGTH;
  const start = isLong ? name.slice(0, MAX_NAME_LENGTH).toWellFormed() : name;
  return `\`${visibleText(start)}${isLong ? '…' : ''}\``;
};

/**
 * Like `visibleName`, with letters of other scripts as code points too, because they may look
 * Latin.
 */
export const unmistakableName = (name: string): string =>
  visibleName(name).replace(OTHER_SCRIPTS, withCodePoints);

/** A name without differences of spelling: its letters and digits only, in lower case. */
export const foldName = (name: string): string =>
  name.normalize('NFKC').replace(NO_LETTERS, '').toLowerCase();

/**
 * Makes a function that suggests a known name for a wrong one: the nearest, and the first of
 * equally near ones. Undefined if no name is near.
 */
export const createNameFinder = (known: readonly string[]) => {
  const ways = known.map((name) => ({ name, folded: foldBare(name) }));
  return (wrong: string): string | undefined => {
    if (wrong.length > MAX_NAME_LENGTH) return undefined;
    const folded = foldBare(wrong);
    if (folded === '') return undefined;
    const same = ways.find((way) => way.folded === folded);
    if (same !== undefined) return same.name;
    const max = folded.length <= MAX_SHORT_LENGTH ? 1 : MAX_EDITS;
    let best: { edits: number; name: string } | undefined;
    for (const way of ways) {
      if (Math.abs(way.folded.length - folded.length) > max) continue;
      const edits = editsBetween(folded, way.folded);
      if (edits <= max && edits < (best?.edits ?? Infinity)) best = { edits, name: way.name };
    }
    return best?.name;
  };
};

/** A folded name without the prefix of custom properties, which is often missing or superfluous. */
const foldBare = (name: string): string => foldName(name.replace(PREFIX, ''));

/**
 * Number of edits (a letter added, removed, changed, or swapped with the next) that turn `a` into
 * `b`.
 */
const editsBetween = (a: string, b: string): number => {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const added = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      row[j] = Math.min(added, (last[j - 1] ?? 0) + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) row[j] = Math.min(row[j] ?? 0, (beforeLast[j - 2] ?? 0) + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
};
