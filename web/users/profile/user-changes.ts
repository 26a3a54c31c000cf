import { exactNumber } from '../../../selection/numbers.ts';
import { type Parsed, parseValue } from '../../../selection/values.ts';
import { isUnknown, valueOf } from '../values.ts';
import type { User, UserField } from './user-fields.ts';

/** The text of each property that a person has edited, by its field. */
export type UserDraft = Readonly<Record<string, string>>;

const CUSTOM = 'properties.';

/** A value as the form has it: a list has one item on each line, an unknown value no text. */
export const textOf = (user: User, { field }: UserField): string => {
  const value = valueOf(user, field);
  if (isUnknown(value)) return '';
  if (Array.isArray(value)) return value.join('\n');
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** The draft with another text. A text that is again that of the user is no change. */
export const withText = (
  draft: UserDraft,
  user: User,
  field: UserField,
  text: string,
): UserDraft => {
  const { [field.field]: _before, ...others } = draft;
  return text === textOf(user, field) ? others : { ...others, [field.field]: text };
};

/** The body of the change, or what is wrong, by field. */
export const readDraft = (
  draft: UserDraft,
  fields: readonly UserField[],
): { body: Record<string, unknown> } | { problems: Record<string, string> } => {
  const system: Record<string, unknown> = {};
  const custom: Record<string, unknown> = {};
  const problems: Record<string, string> = {};
  for (const one of fields) {
    const text = draft[one.field];
    if (text === undefined) continue;
    const parsed = parseText(text, one);
    if ('detail' in parsed) problems[one.field] = parsed.detail;
    else if (one.field.startsWith(CUSTOM)) custom[one.field.slice(CUSTOM.length)] = parsed.value;
    else system[one.field] = parsed.value;
  }
  if (Object.keys(problems).length > 0) return { problems };
  return { body: { ...system, ...(Object.keys(custom).length > 0 && { properties: custom }) } };
};

/**
 * The edited properties that have got another value since the form was opened, and not the one
 * that is about to be saved.
 */
export const conflictsOf = (
  draft: UserDraft,
  { opened, now }: { opened: User; now: User },
  fields: readonly UserField[],
): UserField[] =>
  fields.filter((one) => {
    const text = draft[one.field];
    const present = textOf(now, one);
    return text !== undefined && present !== textOf(opened, one) && present !== text;
  });

/** The field of a place in the body of a change: `/properties/plan` is `properties.plan`. */
export const fieldAt = (pointer: string): string =>
  pointer.slice(1).replace('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');

const parseText = (text: string, { takes }: UserField): Parsed => {
  const trimmed = text.trim();
  if (takes === 'string') return parseValue(takes, text);
  if (trimmed === '') return { value: null };
  if (takes === 'number') return parseValue(takes, exactNumber(trimmed) ?? trimmed);
  if (takes === 'boolean') return parseValue(takes, trimmed === 'true');
  if (takes === 'list') return parseValue(takes, itemsOf(text));
  return parseValue(takes, trimmed);
};

const itemsOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');
