import { PostgresQueryCompiler, type RawBuilder, type RootOperationNode } from 'kysely';
import { escapeLiteral } from 'pg';

const hasLoneSurrogate = (text: string): boolean =>
  /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);

const textLiteral = (text: string): string => {
  if (text.includes('\0') || hasLoneSurrogate(text)) {
    throw new Error('a text with NUL or half a surrogate pair cannot be written in SQL');
  }
  return escapeLiteral(text);
};

const arrayLiteral = (items: readonly unknown[]): string => {
  const quoted = items.map((item) => {
    if (typeof item !== 'string') throw new Error('only lists of text are written in SQL');
    return `"${item.replace(/["\\]/g, '\\$&')}"`;
  });
  return textLiteral(`{${quoted.join(',')}}`);
};

/** Years that PostgreSQL reads in this spelling. */
const momentLiteral = (moment: Date): string => {
  const text = moment.toISOString();
  if (!/^\d{4}-/.test(text) || text.startsWith('0000')) {
    throw new Error('a moment outside the years 0001 to 9999 cannot be written in SQL');
  }
  return textLiteral(text);
};

/**
 * Everything is quoted, numbers too: PostgreSQL then infers a type just as for a parameter, and a
 * negative number after a minus does not begin a comment.
 */
const literalOf = (value: unknown): string => {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return textLiteral(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return textLiteral(String(value));
  if (typeof value === 'number' && Number.isFinite(value)) return textLiteral(String(value));
  if (Array.isArray(value)) return arrayLiteral(value);
  if (value instanceof Date) return momentLiteral(value);
  throw new Error(`a value of type ${typeof value} is not written in SQL`);
};

/** The library's compiler with literals for parameters; a subclass, since that is its one seam. */
class LiteralCompiler extends PostgresQueryCompiler {
  protected override appendValue(value: unknown): void {
    this.append(literalOf(value));
  }
}

/** The same SQL with every value a quoted literal, for COPY, which takes no parameters. */
export const toSqlText = (builder: RawBuilder<unknown>): string => {
  const node = builder.toOperationNode() as RootOperationNode;
  return new LiteralCompiler().compileQuery(node, { queryId: 'literal' }).sql;
};
