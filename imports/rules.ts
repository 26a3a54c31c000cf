import { invisibleProblem, unseenProblem } from '../selection/characters.ts';
import type { PropertyType } from '../selection/property-types.ts';
import { isLongerThan, isStorable, MAX_TEXT_LENGTH } from '../selection/values.ts';

/** The rule that a value of each type must satisfy. The names are stable. */
const FORMS = {
  string: 'tooLong',
  email: 'mailAddress',
  phone: 'phone',
  url: 'url',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
  time: 'time',
  datetime: 'datetime',
  list: 'list',
} as const satisfies Record<PropertyType, string>;

/** Rules for a cell of any type, or for a line as a whole. */
const OTHERS = [
  'notStorable',
  'invisibleCharacter',
  'required',
  'tooManyTags',
  'cellCount',
  'repeatedHeader',
  'separatorLine',
  'byteOrderMark',
  'unknownUser',
  'ambiguousUser',
  'held',
  'rejected',
] as const;

/** Names of rules, for programs. */
export type Rule = (typeof FORMS)[PropertyType] | (typeof OTHERS)[number];

export const RULES: readonly Rule[] = [...Object.values(FORMS), ...OTHERS];

/**
 * A broken rule of a line. `column` is the API's name of the property, or null for the line as a
 * whole.
 */
export interface Problem {
  column: string | null;
  rule: Rule;
}

const MUST_BE_SEEN: ReadonlySet<PropertyType> = new Set(['email', 'url']);
const HAS_LENGTH: ReadonlySet<PropertyType> = new Set(['string', 'email', 'phone', 'url']);

/** The rule that an invalid cell breaks. */
export const ruleOfCell = (type: PropertyType, cell: string): Rule => {
  if (!isStorable(cell)) return 'notStorable';
  if (HAS_LENGTH.has(type) && isLongerThan(cell, MAX_TEXT_LENGTH)) return 'tooLong';
  if (MUST_BE_SEEN.has(type) && invisibleProblem(cell) !== undefined) return 'invisibleCharacter';
  return FORMS[type];
};

/** Like `ruleOfCell`, for the cell that identifies the user. */
export const ruleOfKey = (type: PropertyType, cell: string): Rule => {
  if (cell === '') return 'required';
  return unseenProblem(cell) === undefined ? ruleOfCell(type, cell) : 'invisibleCharacter';
};
