import { BYTE_ORDER_MARK } from '../selection/characters.ts';

/** What is known of the columns of a file, to tell where another one was joined to it. */
export interface JoinCheckOptions {
  /** The columns, as the header names them. */
  names: readonly string[];
  /** The one that finds the user. */
  key: string;
  /** Names that other files may have; none but their own, where they may be any words. */
  known: ReadonlySet<string>;
  separator: string;
}

/** `same`: with the same columns, so that what follows is read as it is meant. */
export type Join = 'same' | 'other';

const SEPARATORS = [',', ';', '\t', '|'];
/** Behind a value, and nothing that may belong to it: `my.email` is a mail address. */
const BEHIND_VALUE = /[\p{L}\p{N}\uFEFF]$/u;
const GLUED_NOTE = /[\p{L}\p{N}\uFEFF]sep=[,;\t|]?$/iu;
/** A name that nobody writes by chance, such as `userId` or `Customer No`. */
const DISTINCT_NAME = /\p{Ll}\p{Lu}|\p{L}[ _]\p{L}/u;
/** A word, and yet no mail address ends with it right behind a letter. */
const MAIL_NAME = 'email';
const ENDS_OF_NOTES = new Set(['=', ...SEPARATORS]);

/** Cells without empty ones at the end. */
export const withoutEmptyEnd = (cells: readonly string[]): readonly string[] =>
  cells.at(-1) === '' ? cells.slice(0, cells.findLastIndex((cell) => cell !== '') + 1) : cells;

/** A line such as `sep=;` behind the value of a line. */
const endsWithNote = (last: string): boolean =>
  ENDS_OF_NOTES.has(last.at(-1) ?? '') && GLUED_NOTE.test(last);

const withoutMark = (cell: string): string =>
  cell.startsWith(BYTE_ORDER_MARK) ? cell.slice(BYTE_ORDER_MARK.length) : cell;

/**
 * Tells whether a line holds the header of a further file: behind the last value of the file
 * before, which has no line break at its end, or with another separator. Undefined of any other
 * line, and of one that names columns with the file's own separator from its first cell on.
 */
export const createJoinCheck = ({ names, key, known, separator }: JoinCheckOptions) => {
  const own = new Set(names);
  const others = SEPARATORS.filter((other) => other !== separator);
  const isDistinct = DISTINCT_NAME.test(key);

  const judge = (found: readonly string[]): Join | undefined => {
    const all = new Set(found);
    if (all.size < found.length) return undefined;
    if (found.length === names.length && found.every((name) => own.has(name))) {
      return found.every((name, at) => name === names[at]) ? 'same' : 'other';
    }
    return all.has(key) && found.length > (isDistinct ? 1 : 2) ? 'other' : undefined;
  };
  /** Of cells of which the last one is a name. */
  const judgeCells = (cells: readonly string[]): Join | undefined => {
    const at = cells.findLastIndex((cell) => !known.has(withoutMark(cell)));
    const tail = cells.slice(at + 1).map(withoutMark);
    const before = cells[at];
    if (before === undefined) return judge(tail);
    for (const name of known) {
      if (!before.endsWith(name)) continue;
      // Two words may be values, as `ann@berlin.city,email` has them.
      const isBehind = BEHIND_VALUE.test(before.slice(0, -name.length));
      const join = isDistinct || isBehind || tail.length > 1 ? judge([name, ...tail]) : undefined;
      if (join !== undefined) return join;
    }
    return undefined;
  };
  /** A name alone, behind the value of a line. */
  const endsWithKey = (last: string, isOnly: boolean): boolean =>
    last.endsWith(key) &&
    BEHIND_VALUE.test(last.slice(0, -key.length)) &&
    (isDistinct || (isOnly && names.length === 1 && key === MAIL_NAME));

  const judgeOtherSeparator = (last: string, isOnly: boolean): Join | undefined => {
    for (const other of others) {
      const at = last.lastIndexOf(other);
      // Lists have such separators in every line.
      const end = last.slice(at + 1);
      if (at === -1 || (!isOnly && end !== '' && !known.has(end))) continue;
      const parts = withoutEmptyEnd(last.split(other));
      if (isOnly && isDistinct && parts.length > 1 && parts.includes(key)) return 'other';
      if (parts.length < 2 || !known.has(parts.at(-1) ?? '')) continue;
      const join = judgeCells(parts);
      // Of a cell beside others only all columns are a header.
      if (join !== undefined && (isOnly || parts.length >= names.length)) return 'other';
    }
    return undefined;
  };

  return (record: readonly string[]): Join | undefined => {
    const cells = withoutEmptyEnd(record);
    const last = cells.at(-1) ?? '';
    const isOnly = cells.length === 1;
    if (known.has(last)) {
      const startsWithName = cells.every((cell) => known.has(cell));
      return startsWithName || isOnly ? undefined : judgeCells(cells);
    }
    if (endsWithKey(last, isOnly) || endsWithNote(last)) return 'same';
    return judgeOtherSeparator(last, isOnly);
  };
};
