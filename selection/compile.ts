import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { BLANKS } from './characters.ts';
import { findField, type Field, type PropertyTypes } from './fields.ts';
import type { Condition, Filter, FrozenFilter, Scalar } from './filter.ts';
import { dateTimeOf } from './date-times.ts';
import { parsePhone, phonePartOf } from './phones.ts';
import { itemOf } from './values.ts';

const NEGATED = new Set(['isNot', 'notContains', 'isNotKnown']);

/**
 * A condition over the table alias `users`. Its result does not depend on a time zone, locale or
 * setting.
 *
 * @throws Error when the filter names an unknown property
 */
export const compileFilter = (
  filter: FrozenFilter,
  properties: PropertyTypes,
): RawBuilder<SqlBool> => {
  const compile = (node: Filter): RawBuilder<SqlBool> => {
    if ('and' in node) return sql<SqlBool>`(${sql.join(node.and.map(compile), sql` AND `)})`;
    if ('or' in node) return sql<SqlBool>`(${sql.join(node.or.map(compile), sql` OR `)})`;
    if ('not' in node) return sql<SqlBool>`(NOT ${compile(node.not)})`;
    return compileCondition(node, properties);
  };
  return compile(filter);
};

/**
 * Two-valued. An unknown value satisfies only isNot, notContains and isNotKnown, which are the
 * complements of is, contains and isKnown.
 *
 * @throws Error when the filter names an unknown property
 */
const compileCondition = (condition: Condition, properties: PropertyTypes): RawBuilder<SqlBool> => {
  const field = findField(condition.field, properties);
  if (field === undefined) throw new Error('the filter names an unknown property');
  const comparison = compare(field, condition);
  return NEGATED.has(condition.op)
    ? sql<SqlBool>`(${comparison}) IS NOT TRUE`
    : sql<SqlBool>`(${comparison}) IS TRUE`;
};

/** True, false, or null for an unknown value. The caller maps null to true or false. */
const compare = (field: Field, { op, value }: Condition): RawBuilder<unknown> => {
  const operand = operandOf(field);
  const scalar = (value ?? '') as Scalar;
  switch (op) {
    case 'is':
    case 'isNot':
      return isValue(field, scalar);
    case 'in':
      return isOneOf(field, value as Scalar[]);
    case 'contains':
    case 'notContains':
      return contains(field, scalar);
    case 'isKnown':
    case 'isNotKnown':
      return sql`${operand} IS NOT NULL`;
    case 'lt':
      return sql`${operand} < ${valueOf(field, scalar)}`;
    case 'lte':
      return sql`${operand} <= ${valueOf(field, scalar)}`;
    case 'gt':
      return sql`${operand} > ${valueOf(field, scalar)}`;
    case 'gte':
      return sql`${operand} >= ${valueOf(field, scalar)}`;
  }
};

/**
 * A field as a value that is null exactly when the value is unknown. A custom value whose JSON type
 * differs from its property's counts as unknown, so no row can make a query fail. Text compares by
 * bytes.
 */
const operandOf = (field: Field): RawBuilder<unknown> => {
  if (field.source === 'system') {
    const column = sql.ref(`users.${field.column}`);
    // A plain column, so that PostgreSQL can use the primary key.
    if (field.column === 'user_id') return sql`${column} COLLATE "C"`;
    return field.kind === 'text' ? compared(field, sql`nullif(${column}, '')`) : sql`${column}`;
  }
  const key = sql.lit(field.key);
  const json = sql`users.properties -> ${key}::text`;
  const text = sql`users.properties ->> ${key}::text`;
  const guarded = (type: string, value: RawBuilder<unknown>) =>
    sql`(CASE WHEN jsonb_typeof(${json}) = ${sql.lit(type)} THEN ${value} END)`;
  switch (field.kind) {
    case 'number':
      return guarded('number', sql`(${text})::numeric`);
    case 'boolean':
      return guarded('boolean', sql`(${text})::boolean`);
    case 'list':
      return sql`(CASE WHEN jsonb_typeof(${json}) = 'array' AND ${json} <> '[]' THEN ${json} END)`;
    case 'text':
    case 'date':
    case 'time':
    case 'datetime':
      return compared(field, sql`nullif(${guarded('string', text)}, '')`);
  }
};

/**
 * Text is compared by bytes. Email addresses are compared in lower case, by the database's rules,
 * as in the index that the search (`search.ts`) uses.
 */
const compared = ({ takes }: Field, text: RawBuilder<unknown>): RawBuilder<unknown> =>
  takes === 'email' ? sql`(lower(${text}) COLLATE "C")` : sql`(${text} COLLATE "C")`;

const isValue = (field: Field, value: Scalar): RawBuilder<unknown> =>
  textsOf(field, value).length === 1
    ? sql`${operandOf(field)} = ${valueOf(field, value)}`
    : isOneOf(field, [value]);

/**
 * The texts that a value matches. A phone number matches its digits, and the given text, which an
 * older row may hold.
 */
const textsOf = (field: Field, value: Scalar): string[] => {
  const given = textOf(field, value);
  if (field.takes !== 'phone') return [given];
  const phone = parsePhone(given);
  return 'digits' in phone && phone.digits !== given ? [given, phone.digits] : [given];
};

/** A value as text, in its field's stored form. */
const textOf = ({ kind }: Field, value: Scalar): string => {
  const text = String(value);
  if (kind === 'list') return itemOf(text);
  const isDateOrTime = kind === 'date' || kind === 'time' || kind === 'datetime';
  return isDateOrTime ? (dateTimeOf(text, kind) ?? text) : text;
};

/**
 * A value in the form in which its field is compared. The cast directly follows the value, as COPY
 * statements need.
 */
const valueOf = (field: Field, value: Scalar): RawBuilder<unknown> => {
  const text = textOf(field, value);
  if (field.kind === 'text') return compared(field, sql`${text}::text`);
  if (field.kind === 'number') return sql`${text}::numeric`;
  if (field.kind === 'boolean') return sql`${text}::boolean`;
  if (field.source === 'custom') return sql`${text}::text`;
  if (field.kind === 'date') return sql`${text}::date`;
  if (field.kind === 'datetime') return sql`${text}::timestamptz`;
  return sql`${text}::text`;
};

const isOneOf = (field: Field, values: readonly Scalar[]): RawBuilder<unknown> =>
  sql`${operandOf(field)} IN (${rowsOf(
    field,
    values.flatMap((value) => textsOf(field, value)),
  )})`;

/**
 * A sub-select with one row for each value. PostgreSQL hashes the rows once and looks up each user
 * in the hash table.
 */
const rowsOf = (field: Field, texts: readonly string[]): RawBuilder<unknown> => {
  if (field.kind === 'text') {
    return sql`SELECT ${compared(field, sql`given`)} FROM unnest(${texts}::text[]) AS given`;
  }
  if (field.kind === 'number') return sql`SELECT unnest(${texts}::numeric[])`;
  if (field.source === 'custom') return sql`SELECT unnest(${texts}::text[])`;
  if (field.kind === 'date') return sql`SELECT unnest(${texts}::date[])`;
  if (field.kind === 'datetime') return sql`SELECT unnest(${texts}::timestamptz[])`;
  return sql`SELECT unnest(${texts}::text[])`;
};

const contains = (field: Field, value: Scalar): RawBuilder<unknown> => {
  if (field.kind === 'list') return hasItem(field, value);
  const operand = operandOf(field);
  const given = containsText(operand, valueOf(field, value));
  const digits = field.takes === 'phone' ? phonePartOf(String(value)) : undefined;
  if (digits === undefined) return given;
  return sql`(${given} OR ${containsText(operand, valueOf(field, digits))})`;
};

/**
 * Whether a list has an item. Older rows may hold items with blanks around them, which are ignored.
 * That comparison is slow, so only lists whose text contains the item are unnested.
 */
const hasItem = (field: Field, value: Scalar): RawBuilder<unknown> => {
  const list = operandOf(field);
  const item = valueOf(field, value);
  const isItem = (text: RawBuilder<unknown>) =>
    sql`btrim(${text}, ${sql.lit(BLANKS)}) COLLATE "C" = ${item}`;
  return field.source === 'system'
    ? sql`CASE WHEN ${item} COLLATE "C" = ANY (${list}) THEN true
        WHEN strpos(array_to_string(${list}, ';'), ${item}) > 0
        THEN EXISTS (SELECT FROM unnest(${list}) AS item WHERE ${isItem(sql`item`)}) END`
    : sql`CASE WHEN ${list} ? ${item} THEN true
        WHEN strpos(${list}::text, ${withinJson(textOf(field, value))}::text) > 0
        THEN EXISTS (SELECT FROM jsonb_array_elements(${list}) AS item
          WHERE jsonb_typeof(item) = 'string' AND ${isItem(sql`(item #>> '{}')`)}) END`;
};

/** A text as it stands within JSON. PostgreSQL and JavaScript escape the same characters. */
const withinJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/** Under collation "C", `lower` changes the letters A to Z only, on every server. */
const containsText = (operand: RawBuilder<unknown>, part: RawBuilder<unknown>) =>
  sql`strpos(lower(${operand}), lower(${part})) > 0`;
