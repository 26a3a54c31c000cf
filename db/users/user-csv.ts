import { type RawBuilder, sql } from 'kysely';
import type { Field } from '../../selection/fields.ts';
import { momentText } from './user-json.ts';

/** Items up to which a list is put together from its members; half the cost of unnesting it. */
const SHORT_LIST = [0, 1, 2];

/** What a cell is made of, looked up once: the cell names it several times. */
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
      // As it is when it is a text, else as its JSON text.
      return sql`users.properties ->> ${sql.lit(field.key)}::text`;
  }
};

/** A list as `a;b`; what is no list as its JSON text. */
const joined = (list: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  CASE jsonb_typeof(${list})
  WHEN 'array' THEN
    CASE WHEN jsonb_array_length(${list}) <= ${sql.lit(SHORT_LIST.length)}
    THEN concat_ws(';', ${sql.join(SHORT_LIST.map((index) => sql`${list} ->> ${sql.lit(index)}`))})
    ELSE array_to_string(ARRAY(SELECT jsonb_array_elements_text(${list})), ';') END
  WHEN 'null' THEN NULL
  ELSE ${list}::text END`;

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
      return isSystem ? momentText(value) : value;
    case 'text':
    case 'date':
    case 'time':
      return value;
  }
};

/**
 * Texts and lists; a number, boolean, date or time is never guarded, and so never read as if it
 * were.
 */
export const isTextCell = ({ kind }: Field): boolean => kind === 'text' || kind === 'list';

const name = (index: number): RawBuilder<unknown> => sql.id(`c${index}`);

const fenced = (query: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`FROM (${query} OFFSET 0) AS cells`;

/**
 * The query for users as cells of CSV. `source` is a FROM clause over the alias `users` with what
 * comes after it. Each step is a subquery that `OFFSET 0` keeps from being merged with the next
 * one: merged, an expression would be evaluated wherever its result is named.
 *
 * An unknown value is NULL, but where it stands alone: `COPY` would write an empty line, which many
 * readers skip. An empty text is written as `""`.
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
