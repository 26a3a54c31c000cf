import { unguarded } from '../selection/formula-guard.ts';
import { exactNumber } from '../selection/numbers.ts';
import type { PropertyType } from '../selection/property-types.ts';
import { type Parsed, parseValue } from '../selection/values.ts';

const SEPARATOR_OF_ITEMS = ';';

const TEXT_TYPES: ReadonlySet<PropertyType> = new Set(['string', 'email', 'phone', 'url', 'list']);

const UNKNOWN: Parsed = { value: null };

/**
 * Number of distinct cells up to which the results of a column are cached. A column of countries,
 * for example, stays below.
 */
const MAX_REMEMBERED = 256;

/** Whether exports for spreadsheets guard cells of this type against formulas. */
export const isTextType = (type: PropertyType): boolean => TEXT_TYPES.has(type);

/**
 * Makes a function that reads cells of one column into their stored form. An empty cell is an
 * unknown value. In a guarded file, the guard is removed. Results of columns with few distinct
 * values are cached, which saves a tenth of a file's time. Lists are not cached, because a caller
 * may change them.
 */
export const cellReader = (
  type: PropertyType,
  isFileGuarded: boolean,
  isLog = false,
): ((cell: string) => Parsed) => {
  // In a log, all columns are guarded: numbers that failed may be formulas.
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

/**
 * The JSON-like value of a cell, for the parsers of the API. A cell that is not a number or boolean
 * stays text.
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
