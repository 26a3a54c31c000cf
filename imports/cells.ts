import { unguarded } from '../selection/formula-guard.ts';
import { exactNumber } from '../selection/numbers.ts';
import type { PropertyType } from '../selection/property-types.ts';
import { type Parsed, parseValue } from '../selection/values.ts';

const SEPARATOR_OF_ITEMS = ';';

/**
 * What becomes of a cell before the rules of the API see it: what is no number or boolean stays
 * text.
 */
const inputOf = (type: PropertyType, cell: string): unknown => {
  switch (type) {
    case 'boolean': {
      const lower = cell.toLowerCase();
      return lower === 'true' || lower === 'false' ? lower === 'true' : cell;
    }
    case 'number':
      return exactNumber(cell) ?? cell;
    case 'list':
      return cell.split(SEPARATOR_OF_ITEMS);
    case 'string':
    case 'email':
    case 'phone':
    case 'url':
    case 'date':
    case 'time':
    case 'datetime':
      return cell;
  }
};

const TEXT_TYPES: ReadonlySet<PropertyType> = new Set(['string', 'email', 'phone', 'url', 'list']);

/** Whether exports for spreadsheets guard cells of a type against formulas. */
export const isTextType = (type: PropertyType): boolean => TEXT_TYPES.has(type);

const UNKNOWN: Parsed = { value: null };

/** Different cells of a column up to which it is taken for one of few values, such as a country. */
const MAX_REMEMBERED = 256;

/**
 * Reads cells of one column into the stored form of its values; an empty one is an unknown value.
 * If the file is guarded against formulas, the guard is taken off. What columns of few values hold
 * is remembered, which takes a tenth off a file's time; not lists, for those that get one may
 * change it.
 */
export const cellReader = (
  type: PropertyType,
  isFileGuarded: boolean,
  isLog = false,
): ((cell: string) => Parsed) => {
  // A log is guarded whole: numbers that failed may be formulas.
  const isGuarded = isFileGuarded && (isLog || isTextType(type));
  const read = (cell: string): Parsed =>
    parseValue(type, inputOf(type, isGuarded ? unguarded(cell) : cell));
  const remembered = new Map<string, Parsed>();
  let isOfFew = type !== 'list';
  return (cell) => {
    if (cell === '') return UNKNOWN;
    if (!isOfFew) return read(cell);
    const known = remembered.get(cell);
    if (known !== undefined) return known;
    const parsed = read(cell);
    remembered.set(cell, parsed);
    isOfFew = remembered.size < MAX_REMEMBERED;
    if (!isOfFew) remembered.clear();
    return parsed;
  };
};
