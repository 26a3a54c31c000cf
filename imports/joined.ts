import { BYTE_ORDER_MARK } from '../selection/characters.ts';

/** The columns of a file, for detecting another file that was appended to it. */
export interface JoinCheckOptions {
  /** The columns, as the header names them. */
  names: readonly string[];
  /** The column that identifies the user. */
  key: string;
  /**
   * Names that an appended file may have. With mapped columns, which may be any words, only the
   * file's own names.
   */
  known: ReadonlySet<string>;
  separator: string;
}

/**
 * `same`: the appended file has the same columns in the same order, so the lines after it are read
 * correctly.
 */
export type Join = 'same' | 'other';

const SEPARATORS = [',', ';', '\t', '|'];
/**
 * The character before a name that directly follows a value. A character such as the point of
 * `my.email` could belong to an email address.
 */
const BEHIND_VALUE = /[\p{L}\p{N}\uFEFF]$/u;
const GLUED_NOTE = /[\p{L}\p{N}\uFEFF]sep=[,;\t|]?$/iu;
/** A name that does not occur in values by chance, such as `userId` or `Customer No`. */
const DISTINCT_NAME = /\p{Ll}\p{Lu}|\p{L}[ _]\p{L}/u;
/** A common word, but no email address ends with it directly after a letter. */
const MAIL_NAME = 'email';
const ENDS_OF_NOTES = new Set(['=', ...SEPARATORS]);

/** Cells without empty ones at the end. */
export const withoutEmptyEnd = (cells: readonly string[]): readonly string[] =>
  cells.at(-1) === '' ? cells.slice(0, cells.findLastIndex((cell) => cell !== '') + 1) : cells;

/**
 * Makes a function that detects the header of an appended file in a line. Such a header follows the
 * last value of the previous file, which has no line break at its end, or has another separator.
 * Undefined for any other line, and for a line that names columns from its first cell on, with the
 * file's own separator.
 */
export const createJoinCheck = ({ names, key, known, separator }: JoinCheckOptions) => {
  const isDistinct = DISTINCT_NAME.test(key);
  const createJudge = judgeOf({ names, own: new Set(names), key, isDistinct });
  const findEnds = createEndFinder(known);
  const others = SEPARATORS.filter((other) => other !== separator);

  /** For cells of which the last one is a name. */
  const judgeCells = (cells: readonly string[]): Join | undefined => {
    const at = cells.findLastIndex((cell) => !known.has(withoutMark(cell)));
    const tail = cells.slice(at + 1).map(withoutMark);
    const before = cells[at];
    if (before === undefined) return createJudge(tail.slice(1))(tail[0] ?? '');
    const judge = createJudge(tail);
    for (const name of findEnds(before)) {
      // Two words may be values, as in `ann@berlin.city,email`.
      const isBehind = BEHIND_VALUE.test(before.slice(0, -name.length));
      const join = isDistinct || isBehind || tail.length > 1 ? judge(name) : undefined;
      if (join !== undefined) return join;
    }
    return undefined;
  };
  /** Whether a cell ends with the key's name directly after a value. */
  const endsWithKey = (last: string, isOnly: boolean): boolean =>
    last.endsWith(key) &&
    BEHIND_VALUE.test(last.slice(0, -key.length)) &&
    (isDistinct || (isOnly && names.length === 1 && key === MAIL_NAME));

  const judgeOtherSeparator = (last: string, isOnly: boolean): Join | undefined => {
    for (const other of others) {
      const at = last.lastIndexOf(other);
      // In lists, every line can contain such separators.
      const end = last.slice(at + 1);
      if (at === -1 || (!isOnly && end !== '' && !known.has(end))) continue;
      const parts = withoutEmptyEnd(last.split(other));
      if (isOnly && isDistinct && parts.length > 1 && parts.includes(key)) return 'other';
      if (parts.length < 2 || !known.has(parts.at(-1) ?? '')) continue;
      const join = judgeCells(parts);
      // A cell beside others counts as a header only if it names all columns.
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

/**
 * Makes a function that finds the names with which a text ends, in the order of the names. It looks
 * once for each length of a name, because a header may have very many names.
 */
const createEndFinder = (names: ReadonlySet<string>) => {
  const places = new Map([...names].map((name, place) => [name, place]));
  const lengths = [...new Set([...names].map(({ length }) => length))];
  const placeOf = (name: string): number => places.get(name) ?? 0;
  return (text: string): string[] => {
    const fitting = lengths.filter((length) => length <= text.length);
    const ends = fitting.map((length) => text.slice(text.length - length));
    return ends.filter((end) => places.has(end)).toSorted((a, b) => placeOf(a) - placeOf(b));
  };
};

interface OwnNames {
  names: readonly string[];
  /** The same names. */
  own: ReadonlySet<string>;
  key: string;
  isDistinct: boolean;
}

/** Makes functions that judge a name and the names after it, which are read only once. */
const judgeOf =
  ({ names, own, key, isDistinct }: OwnNames) =>
  (tail: readonly string[]) => {
    const after = new Set(tail);
    const isRepeated = after.size < tail.length;
    const count = tail.length + 1;
    const isWhole = count === names.length && tail.every((name) => own.has(name));
    const isInOrder = isWhole && tail.every((name, at) => name === names[at + 1]);
    return (first: string): Join | undefined => {
      if (isRepeated || after.has(first)) return undefined;
      if (isWhole && own.has(first)) return isInOrder && first === names[0] ? 'same' : 'other';
      const hasKey = first === key || after.has(key);
      return hasKey && count > (isDistinct ? 1 : 2) ? 'other' : undefined;
    };
  };

const withoutMark = (cell: string): string =>
  cell.startsWith(BYTE_ORDER_MARK) ? cell.slice(BYTE_ORDER_MARK.length) : cell;

/** Whether a cell ends with a note such as `sep=;` directly after a value. */
const endsWithNote = (last: string): boolean =>
  ENDS_OF_NOTES.has(last.at(-1) ?? '') && GLUED_NOTE.test(last);
