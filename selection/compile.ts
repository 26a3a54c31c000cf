import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { findField, type Field, type PropertyTypes } from './fields.ts';
import type { Condition, Filter, FrozenFilter, Scalar } from './filter.ts';
import { momentOf } from './moments.ts';
import type { FrozenSelection } from './selection.ts';

/**
 * A field as a value that is null exactly when it is unknown. A custom value of another JSON type
 * than its property's counts as unknown, so no row can make a query fail. Text compares by bytes.
 */
const operandOf = (field: Field): RawBuilder<unknown> => {
  if (field.source === 'system') {
    const column = sql.ref(`users.${field.column}`);
    // A plain column, so that the primary key can be used.
    if (field.column === 'user_id') return sql`${column} COLLATE "C"`;
    return field.kind === 'text' ? sql`(nullif(${column}, '') COLLATE "C")` : sql`${column}`;
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
      return sql`(nullif(${guarded('string', text)}, '') COLLATE "C")`;
  }
};

/** A value as text, in the form its field is stored in. */
const textOf = ({ kind }: Field, value: Scalar): string => {
  const text = String(value);
  const isMoment = kind === 'date' || kind === 'time' || kind === 'datetime';
  return isMoment ? (momentOf(text, kind) ?? text) : text;
};

/** A value in the type its field is stored in. The cast stands right behind it, for COPY statements. */
const valueOf = (field: Field, value: Scalar): RawBuilder<unknown> => {
  const text = textOf(field, value);
  if (field.kind === 'number') return sql`${text}::numeric`;
  if (field.kind === 'boolean') return sql`${text}::boolean`;
  if (field.source === 'custom') return sql`${text}::text`;
  if (field.kind === 'date') return sql`${text}::date`;
  if (field.kind === 'datetime') return sql`${text}::timestamptz`;
  return sql`${text}::text`;
};

/** The rows of a sub-select, one a value. PostgreSQL hashes them once, and looks each user up in that. */
const rowsOf = (field: Field, values: readonly Scalar[]): RawBuilder<unknown> => {
  const texts = values.map((value) => textOf(field, value));
  if (field.kind === 'number') return sql`SELECT unnest(${texts}::numeric[])`;
  if (field.source === 'custom') return sql`SELECT unnest(${texts}::text[])`;
  if (field.kind === 'date') return sql`SELECT unnest(${texts}::date[])`;
  if (field.kind === 'datetime') return sql`SELECT unnest(${texts}::timestamptz[])`;
  return sql`SELECT unnest(${texts}::text[])`;
};

const membership = (field: Field, operand: RawBuilder<unknown>, value: RawBuilder<unknown>) => {
  if (field.kind !== 'list') return undefined;
  return field.source === 'system'
    ? sql`${value} COLLATE "C" = ANY (${operand})`
    : sql`${operand} ? ${value}`;
};

/** Under "C" `lower` knows the letters A to Z and no others, on every server alike. */
const contains = (operand: RawBuilder<unknown>, value: RawBuilder<unknown>) =>
  sql`strpos(lower(${operand}), lower(${value} COLLATE "C")) > 0`;

/** True, false or, for an unknown value, null; the caller makes it two-valued. */
const compare = (field: Field, { op, value }: Condition): RawBuilder<unknown> => {
  const operand = operandOf(field);
  const scalar = (value ?? '') as Scalar;
  switch (op) {
    case 'is':
    case 'isNot':
      return sql`${operand} = ${valueOf(field, scalar)}`;
    case 'in':
      return sql`${operand} IN (${rowsOf(field, value as Scalar[])})`;
    case 'contains':
    case 'notContains': {
      const part = valueOf(field, scalar);
      return membership(field, operand, part) ?? contains(operand, part);
    }
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
 * Two-valued: an unknown value satisfies only isNot, notContains and isNotKnown, each the complement
 * of its positive twin.
 */
const compileCondition = (condition: Condition, properties: PropertyTypes): RawBuilder<SqlBool> => {
  const field = findField(condition.field, properties);
  if (field === undefined) throw new Error('the filter names an unknown property');
  const comparison = compare(field, condition);
  return NEGATED.has(condition.op)
    ? sql<SqlBool>`(${comparison}) IS NOT TRUE`
    : sql<SqlBool>`(${comparison}) IS TRUE`;
};

/** A condition over the table alias `users`. Means the same under any time zone, locale or setting. */
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

/** Everyone a selection holds, but for chosen ids, which are joined as the targets of a job. */
export const compileSelection = (
  selection: Exclude<FrozenSelection, { type: 'ids' }>,
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
