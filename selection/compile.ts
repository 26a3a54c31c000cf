import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { BLANKS } from './characters.ts';
import { findField, type Field, type PropertyTypes } from './fields.ts';
import type { Condition, Filter, FrozenFilter, Scalar } from './filter.ts';
import { momentOf } from './moments.ts';
import { parsePhone, phonePartOf } from './phones.ts';
import type { FrozenSelection, NamedSelection } from './selection.ts';
import { itemOf } from './values.ts';

/**
 * Text is compared by bytes. Mail addresses are compared in lower case, by the rules of the
 * database, as the search in `db/users/users.ts` does by its index.
 */
const compared = ({ takes }: Field, text: RawBuilder<unknown>): RawBuilder<unknown> =>
  takes === 'email' ? sql`(lower(${text}) COLLATE "C")` : sql`(${text} COLLATE "C")`;

/**
 * A field as a value that is null exactly when it is unknown. A custom value of another JSON type
 * than its property's counts as unknown, so no row can make a query fail. Text compares by bytes.
 */
const operandOf = (field: Field): RawBuilder<unknown> => {
  if (field.source === 'system') {
    const column = sql.ref(`users.${field.column}`);
    // A plain column, so that the primary key can be used.
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

/** A value as text, in the form its field is stored in. */
const textOf = ({ kind }: Field, value: Scalar): string => {
  const text = String(value);
  if (kind === 'list') return itemOf(text);
  const isMoment = kind === 'date' || kind === 'time' || kind === 'datetime';
  return isMoment ? (momentOf(text, kind) ?? text) : text;
};

/** Of a phone number its digits, and the very text, which a row of an older version may hold. */
const textsOf = (field: Field, value: Scalar): string[] => {
  const given = textOf(field, value);
  if (field.takes !== 'phone') return [given];
  const phone = parsePhone(given);
  return 'digits' in phone && phone.digits !== given ? [given, phone.digits] : [given];
};

/**
 * A value in the form that its field is compared in. The cast stands right behind it, for COPY
 * statements.
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

/**
 * The rows of a sub-select, one a value. PostgreSQL hashes them once, and looks each user up in
 * that.
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

const isOneOf = (field: Field, values: readonly Scalar[]): RawBuilder<unknown> =>
  sql`${operandOf(field)} IN (${rowsOf(
    field,
    values.flatMap((value) => textsOf(field, value)),
  )})`;

const isValue = (field: Field, value: Scalar): RawBuilder<unknown> =>
  textsOf(field, value).length === 1
    ? sql`${operandOf(field)} = ${valueOf(field, value)}`
    : isOneOf(field, [value]);

/** A text as it stands within JSON, where PostgreSQL and JavaScript escape the same characters. */
const withinJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/**
 * Whether a list has an item. Rows that were written before items lost the blanks around them are
 * compared without these. That takes long, so only lists whose text holds the item are taken apart.
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

/** Under "C" `lower` knows the letters A to Z and no others, on every server alike. */
const containsText = (operand: RawBuilder<unknown>, part: RawBuilder<unknown>) =>
  sql`strpos(lower(${operand}), lower(${part})) > 0`;

const contains = (field: Field, value: Scalar): RawBuilder<unknown> => {
  if (field.kind === 'list') return hasItem(field, value);
  const operand = operandOf(field);
  const given = containsText(operand, valueOf(field, value));
  const digits = field.takes === 'phone' ? phonePartOf(String(value)) : undefined;
  if (digits === undefined) return given;
  return sql`(${given} OR ${containsText(operand, valueOf(field, digits))})`;
};

/** True, false or, for an unknown value, null; the caller makes it two-valued. */
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

const NEGATED = new Set(['isNot', 'notContains', 'isNotKnown']);

/**
 * Two-valued: an unknown value satisfies only isNot, notContains and isNotKnown, each the
 * complement of its positive twin.
 */
const compileCondition = (condition: Condition, properties: PropertyTypes): RawBuilder<SqlBool> => {
  const field = findField(condition.field, properties);
  if (field === undefined) throw new Error('the filter names an unknown property');
  const comparison = compare(field, condition);
  return NEGATED.has(condition.op)
    ? sql<SqlBool>`(${comparison}) IS NOT TRUE`
    : sql<SqlBool>`(${comparison}) IS TRUE`;
};

/**
 * A condition over the table alias `users`. Means the same under any time zone, locale or setting.
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
 * Everyone a selection holds, but for users named one by one, who are joined as the targets of a
 * job.
 */
export const compileSelection = (
  selection: Exclude<FrozenSelection, NamedSelection>,
  properties: PropertyTypes,
): RawBuilder<SqlBool> => {
  switch (selection.type) {
    case 'all':
      return sql<SqlBool>`true`;
    case 'segment':
    case 'filter': {
      const matches = compileFilter(selection.filter, properties);
      const { excludeIds = [] } = selection;
      if (excludeIds.length === 0) return matches;
      return sql<SqlBool>`(${matches}
        AND users.user_id NOT IN (SELECT unnest(${excludeIds}::text[])))`;
    }
  }
};
