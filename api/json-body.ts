import { pointerOf } from './pointer.ts';
import { invalidRequest, problem, type ProblemError } from './problems.ts';

/** Deepest nesting of a body; a filter, the deepest thing we read, stays far below. */
export const MAX_DEPTH = 64;

/** True for text with NUL or half of a surrogate pair, which PostgreSQL cannot store. */
export const isUnstorable = (text: string): boolean => text.includes('\0') || !text.isWellFormed();

/** An object or array being read. */
interface Frame {
  /** Names met so far; none for an array. */
  names: Set<string> | null;
  /** Name of the member, or index of the item, being read. */
  at: string | number;
}

const wrong = (frames: readonly Frame[], detail: string): ProblemError =>
  invalidRequest([{ detail, pointer: pointerOf(frames.map(({ at }) => at)) }]);

const isEscaped = (text: string, at: number): boolean => {
  let slash = at - 1;
  while (text[slash] === '\\') slash--;
  return (at - slash) % 2 === 0;
};

/** One past the closing quote of the string that opens at `start`. */
const endOfString = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end + 1;
};

/** What a string says, by its JSON. Most hold no escape, and many are read at once. */
const readString = (json: string): string =>
  json.includes('\\') ? (JSON.parse(json) as string) : json.slice(1, -1);

const enterName = (frames: readonly Frame[], frame: Frame, name: string): void => {
  frame.at = name;
  if (isUnstorable(name)) {
    throw wrong(frames.slice(0, -1), 'has a name with a character that cannot be stored');
  }
  if (name === '__proto__') throw wrong(frames, 'is a name that is not allowed');
  if (frame.names?.has(name)) throw wrong(frames, 'is there twice in the same object');
  frame.names?.add(name);
};

/**
 * Refuses what `JSON.parse` lets pass in silence: the same name twice, `__proto__`, text that cannot
 * be stored, bottomless nesting. The text must be valid JSON; one pass, in linear time.
 *
 * @throws ProblemError with a pointer to the place
 */
const checkJsonText = (text: string): void => {
  const frames: Frame[] = [];
  let expectsName = false;
  for (let index = 0; index < text.length; index++) {
    const frame = frames.at(-1);
    switch (text.charAt(index)) {
      case '{':
      case '[':
        if (frames.length === MAX_DEPTH) throw wrong(frames, `is nested deeper than ${MAX_DEPTH}`);
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
          throw wrong(frames, 'holds a character that cannot be stored (NUL, or half a pair)');
        }
        expectsName = false;
        index = end - 1;
        break;
      }
      default:
    }
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

const decode = (what: string, bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw problem('malformed-json', `${what} is not UTF-8.`);
  }
};

/**
 * Reads JSON without dropping or changing anything in it.
 *
 * @throws ProblemError saying what is wrong with `what`
 */
export const parseJson = (what: string, bytes: Buffer): unknown => {
  const text = decode(what, bytes);
  const value = parseValid(what, text);
  checkJsonText(text);
  return value;
};

export const parseJsonBody = (bytes: Buffer): unknown => parseJson('The body', bytes);
