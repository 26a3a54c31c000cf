import {
  PostgresQueryCompiler,
  type RawBuilder,
  type RawNode,
  type RootOperationNode,
  ValueNode,
} from 'kysely';

/** A statement and its values, for a client's `query`. */
export interface BoundStatement {
  text: string;
  values: unknown[];
}

/**
 * Statements for COPY, which takes no parameters. They read `values` from settings of the
 * connection.
 */
export interface CopyStatements {
  texts: string[];
  /** The values of the settings `keepsake.p1`, `keepsake.p2` and so on. */
  values: string[];
}

const hasLoneSurrogate = (text: string): boolean =>
  /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);

const safeText = (text: string): string => {
  if (text.includes('\0') || hasLoneSurrogate(text)) {
    throw new Error('a text with NUL or half a surrogate pair cannot be sent to PostgreSQL');
  }
  return text;
};

const arrayText = (items: readonly unknown[]): string => {
  const quoted = items.map((item) => {
    if (typeof item !== 'string') throw new Error('only lists of text are sent to PostgreSQL');
    return `"${item.replace(/["\\]/g, '\\$&')}"`;
  });
  return safeText(`{${quoted.join(',')}}`);
};

/** Only years that PostgreSQL reads in this format. */
const timestampText = (timestamp: Date): string => {
  const text = timestamp.toISOString();
  if (!/^\d{4}-/.test(text) || text.startsWith('0000')) {
    throw new Error('a timestamp outside the years 0001 to 9999 cannot be sent to PostgreSQL');
  }
  return text;
};

/** A value as text that PostgreSQL can read. Null stays null. */
const textOf = (value: unknown): string | null => {
  if (value === null) return null;
  if (typeof value === 'string') return safeText(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return arrayText(value);
  if (value instanceof Date) return timestampText(value);
  throw new Error(`a value of type ${typeof value} is not sent to PostgreSQL`);
};

/** The cast that follows a value. */
const CAST = /^::[a-z_]+(?:\[\])?/;

/**
 * Kysely's compiler, with settings instead of parameters. A subclass, because Kysely offers no
 * other way.
 *
 * Each value is read by a scalar sub-select that includes its cast, so that PostgreSQL evaluates it
 * once and not for each row. A setting holds JSON. So a missing setting, or one that ended with its
 * transaction, is an error, not an empty text that would select other users.
 */
class CopyCompiler extends PostgresQueryCompiler {
  readonly #numbers: Map<string, number>;

  constructor(numbers: Map<string, number>) {
    super();
    this.#numbers = numbers;
  }

  #appendSetting(value: unknown, cast: string): void {
    const json = JSON.stringify(textOf(value));
    const number = this.#numbers.get(json) ?? this.#numbers.size + 1;
    this.#numbers.set(json, number);
    this.append(`(SELECT (current_setting('keepsake.p${number}')::json #>> '{}')${cast})`);
  }

  protected override visitRaw({ sqlFragments, parameters }: RawNode): void {
    let done = 0;
    for (const [index, fragment] of sqlFragments.entries()) {
      this.append(fragment.slice(done));
      done = 0;
      const parameter = parameters[index];
      if (parameter === undefined) continue;
      if (!ValueNode.is(parameter) || parameter.immediate === true) {
        this.visitNode(parameter);
        continue;
      }
      const [cast = ''] = CAST.exec(sqlFragments[index + 1] ?? '') ?? [];
      if (cast === '') throw new Error('a value of a COPY statement needs a cast');
      this.#appendSetting(parameter.value, cast);
      done = cast.length;
    }
  }

  protected override appendValue(): void {
    throw new Error('a COPY statement is made of raw SQL alone');
  }
}

const QUERY_ID = { queryId: 'statement' };

/** The SQL with its values as parameters. */
export const toBoundStatement = (builder: RawBuilder<unknown>): BoundStatement => {
  const { sql, parameters } = new PostgresQueryCompiler().compileQuery(rootOf(builder), QUERY_ID);
  return { text: sql, values: [...parameters] };
};

/**
 * The same SQL for COPY. Each value is read from a setting, so no statement holds a user's data.
 * `sql.lit` writes a value into the text; use it only for values that are not a user's data, such
 * as ids of jobs.
 *
 * @throws Error when a value has no cast, or has a type that cannot be sent
 */
export const toCopyStatements = (builders: readonly RawBuilder<unknown>[]): CopyStatements => {
  const numbers = new Map<string, number>();
  const texts = builders.map(
    (builder) => new CopyCompiler(numbers).compileQuery(rootOf(builder), QUERY_ID).sql,
  );
  return { texts, values: [...numbers.keys()] };
};

const rootOf = (builder: RawBuilder<unknown>): RootOperationNode => builder.toOperationNode();
