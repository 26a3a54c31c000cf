import { type RawBuilder, sql } from 'kysely';
import type { Field } from '../../selection/fields.ts';
import { timestampText } from './user-json.ts';

/**
 * Indexes of the items of a short list, which is joined by index. That takes half the time of
 * unnesting.
 */
const SHORT_LIST = [0, 1, 2];

/**
 * Whether a field holds texts. Only texts and lists are guarded against formulas; numbers,
 * booleans, dates and times are not.
 */
export const isTextCell = ({ kind }: Field): boolean => kind === 'text' || kind === 'list';

/**
 * The query of users as cells of CSV. `source` is a FROM clause over the alias `users`, with any
 * further clauses. Each step is a subquery, and `OFFSET 0` keeps PostgreSQL from merging it into
 * the next one. A merged expression would be evaluated at each use of its result.
 *
 * An unknown value is NULL, except in a file with one column: there `COPY` would write an empty
 * line, which many readers skip. An empty text is written as `""`.
 */
export const userCsv = (
  fields: readonly Field[],
  source: RawBuilder<unknown>,
): RawBuilder<unknown> => {
  const select = (
    expression: (field: Field, cell: RawBuilder<unknown>) => RawBuilder<unknown>,
    from: RawBuilder<unknown>,
  ) =>
    sql`SELECT ${sql.join(fields.map((field, i) => sql`${expression(field, name(i))} AS ${name(i)}`))} ${from}`;
  const isAlone = fields.length === 1;
  const shownOf = (field: Field, cell: RawBuilder<unknown>) =>
    isAlone ? sql`coalesce((${cellOf(field, cell)})::text, '')` : cellOf(field, cell);
  return select(shownOf, fenced(select(valueOf, source)));
};

const name = (index: number): RawBuilder<unknown> => sql.id(`c${index}`);

const cellOf = (field: Field, value: RawBuilder<unknown>): RawBuilder<unknown> => {
  const isSystem = field.source === 'system';
  switch (field.kind) {
    case 'list':
      return isSystem ? sql`array_to_string(${value}, ';')` : joined(value);
    case 'boolean':
      return isSystem ? sql`${value}::text` : sql`nullif(${value}, 'null')`;
    case 'number':
      return sql`nullif(${value}, 'null')`;
    case 'datetime':
      return isSystem ? timestampText(value) : value;
    case 'text':
    case 'date':
    case 'time':
      return value;
  }
};

/** A list as `a;b`. Any value that is not a list as its JSON text. */
const joined = (list: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  CASE jsonb_typeof(${list})
  WHEN 'array' THEN
    CASE WHEN jsonb_array_length(${list}) <= ${sql.lit(SHORT_LIST.length)}
    THEN concat_ws(';', ${sql.join(SHORT_LIST.map((index) => sql`${list} ->> ${sql.lit(index)}`))})
    ELSE array_to_string(ARRAY(SELECT jsonb_array_elements_text(${list})), ';') END
  WHEN 'null' THEN NULL
  ELSE ${list}::text END`;

const fenced = (query: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`FROM (${query} OFFSET 0) AS cells`;

/** The value behind a cell. It is selected once, because the cell uses it several times. */
const valueOf = (field: Field): RawBuilder<unknown> => {
  if (field.source === 'system') return sql.ref(`users.${field.column}`);
  switch (field.kind) {
    case 'number':
    case 'boolean':
    case 'list':
      return sql`users.properties -> ${sql.lit(field.key)}::text`;
    case 'text':
    case 'date':
    case 'time':
    case 'datetime':
      // A text as it is; any other value as its JSON text.
      return sql`users.properties ->> ${sql.lit(field.key)}::text`;
  }
};
