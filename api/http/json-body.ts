import { exactNumber } from '../../selection/numbers.ts';
import { pointerOf } from './pointer.ts';
import { invalidRequest, problem, type ProblemError } from './problems.ts';

/** Deepest nesting of a body. Filters nest deepest, and stay far below this. */
export const MAX_DEPTH = 64;

/** An object or array being read. */
interface Frame {
  /** Names read so far; null for an array. */
  names: Set<string> | null;
  /** Name of the member, or index of the item, being read. */
  at: string | number;
}

/** A part of the text; `end` is one past it. */
interface Span {
  start: number;
  end: number;
}

const NUMBER_STARTS: ReadonlySet<string> = new Set('-0123456789');
const NUMBER = /-?\d[\d.eE+-]*/y;

/** `JSON.parse` reads this as Infinity. No schema accepts Infinity. */
const INFINITE = '1e999';

/** True for text with NUL or half of a surrogate pair, which PostgreSQL cannot store. */
export const isUnstorable = (text: string): boolean => text.includes('\0') || !text.isWellFormed();

/**
 * Reads JSON without dropping or changing anything. A number that no 64-bit float can represent
 * becomes Infinity, so that the schema can report its location.
 *
 * @throws ProblemError that names `what` and the error
 */
export const parseJson = (what: string, bytes: Buffer): unknown => {
  const text = decode(what, bytes);
  const value = parseValid(what, text);
  const inexact = checkJsonText(text);
  return inexact.length === 0 ? value : JSON.parse(withoutInexact(text, inexact));
};

export const parseJsonBody = (bytes: Buffer): unknown => parseJson('The body', bytes);

const decode = (what: string, bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw problem('malformed-json', `${what} is not valid UTF-8.`);
  }
};

const parseValid = (what: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    const at = /position \d+(?: \(line \d+ column \d+\))?/.exec((error as Error).message)?.[0];
    throw problem(
      'malformed-json',
      `${what} is not valid JSON${at === undefined ? '' : `, at ${at}`}.`,
    );
  }
};

/**
 * Rejects what `JSON.parse` accepts silently: repeated names, `__proto__`, text that cannot be
 * stored, deep nesting. The text must be valid JSON. One pass, in linear time.
 *
 * @returns the numbers that `JSON.parse` would change
 * @throws ProblemError with a pointer to the error
 */
const checkJsonText = (text: string): Span[] => {
  const frames: Frame[] = [];
  const inexact: Span[] = [];
  let expectsName = false;
  for (let index = 0; index < text.length; index++) {
    const frame = frames.at(-1);
    switch (text.charAt(index)) {
      case '{':
      case '[':
        if (frames.length === MAX_DEPTH)
          throw wrong(frames, `must not be nested deeper than ${MAX_DEPTH} levels`);
        expectsName = text[index] === '{';
        frames.push({ names: expectsName ? new Set() : null, at: 0 });
        break;
      case '}':
      case ']':
        frames.pop();
        expectsName = false;
        break;
      case ',':
        if (typeof frame?.at === 'number') frame.at++;
        expectsName = frame?.names !== null;
        break;
      case '"': {
        const end = endOfString(text, index);
        const value = readString(text.slice(index, end));
        if (expectsName && frame !== undefined) enterName(frames, frame, value);
        else if (isUnstorable(value)) {
          throw wrong(
            frames,
            'has a character that is not allowed (NUL, or half of a surrogate pair)',
          );
        }
        expectsName = false;
        index = end - 1;
        break;
      }
      default: {
        if (!NUMBER_STARTS.has(text.charAt(index))) break;
        const number = readNumber(text, index);
        if (exactNumber(text.slice(number.start, number.end)) === undefined) inexact.push(number);
        index = number.end - 1;
      }
    }
  }
  return inexact;
};

const wrong = (frames: readonly Frame[], detail: string): ProblemError =>
  invalidRequest([{ detail, pointer: pointerOf(frames.map(({ at }) => at)) }]);

/** One past the closing quote of the string that opens at `start`. */
const endOfString = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
};

const isEscaped = (text: string, at: number): boolean => {
  let slash = at - 1;
  while (text[slash] === '\\') slash--;
  return (at - slash) % 2 === 0;
};

/** The value of a JSON string. Most strings have no escape: those are cut out, for speed. */
const readString = (json: string): string =>
  json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1);

const enterName = (frames: readonly Frame[], frame: Frame, name: string): void => {
  frame.at = name;
  if (isUnstorable(name)) {
    throw wrong(frames.slice(0, -1), 'has a name with a character that is not allowed');
  }
  if (name === '__proto__') throw wrong(frames, 'has a name that is not allowed');
  if (frame.names?.has(name)) throw wrong(frames, 'is repeated in the same object');
  frame.names?.add(name);
};

/** The number whose text begins at `start`. */
const readNumber = (text: string, start: number): Span => {
  NUMBER.lastIndex = start;
  NUMBER.test(text);
  return { start, end: NUMBER.lastIndex };
};

const withoutInexact = (text: string, inexact: readonly Span[]): string => {
  const kept = inexact.map(({ start }, at) => text.slice(inexact[at - 1]?.end ?? 0, start));
  return [...kept, text.slice(inexact.at(-1)?.end)].join(INFINITE);
};
