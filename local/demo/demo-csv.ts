import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { MAX_PROPERTIES } from '../../db/users/properties.ts';
import { propertyNameSchema } from '../../api/users/property-routes.ts';
import { readUser } from '../../api/users/user-input.ts';
import { isUnsettableByFile } from '../../rules/changeable-properties.ts';
import { findSystemField, SYSTEM_FIELDS } from '../../selection/fields.ts';
import { userIdSchema } from '../../selection/selection.ts';

const PREFIX = 'properties.';
/** The most problems to report. */
const MAX_LISTED = 10;

type User = Record<string, unknown> & { userId: string };

interface Row {
  cells: string[];
  /** The line of the file where the row ends, from 1. */
  line: number;
}

/** The content of a checked file. */
export interface CsvFacts {
  /** The number of users, one per row. */
  rows: number;
  /** The names of its custom properties; all are text. */
  properties: string[];
  /** Its columns that a file cannot set. */
  leftOut: string[];
}

/**
 * Reads a file to its end and checks it by the API's own rules.
 *
 * @throws Error that names the file, and each line and column that the API would refuse
 */
export const checkCsv = async (path: string): Promise<CsvFacts> => {
  let columns: string[] | undefined;
  let types: Map<string, 'string'> = new Map();
  let rows = 0;
  const problems: string[] = [];
  for await (const row of rowsOf(path)) {
    if (columns === undefined) {
      columns = row.cells;
      types = new Map(propertiesIn(columns).map((name) => [name, 'string']));
      const wrong = headerProblems(columns);
      if (wrong.length > 0) throw refuse(path, wrong);
      continue;
    }
    rows += 1;
    const wrong = rowProblems(userOf(columns, row), types);
    problems.push(...wrong.map((problem) => `line ${row.line}, ${problem}`));
    if (problems.length > MAX_LISTED) break;
  }
  if (problems.length > 0) throw refuse(path, problems);
  if (rows === 0) throw refuse(path, ['it contains no users']);
  const leftOut = (columns ?? []).filter(isUnsettableByFile).toSorted();
  return { rows, properties: [...types.keys()], leftOut };
};

/** The users of a checked file, as `POST /v1/users` accepts them. */
export const usersOfCsv = async function* (path: string): AsyncGenerator<User> {
  let columns: string[] | undefined;
  for await (const row of rowsOf(path)) {
    if (columns === undefined) columns = row.cells;
    else yield userOf(columns, row);
  }
};

const refuse = (path: string, problems: readonly string[]): Error => {
  const listed = problems.slice(0, MAX_LISTED).map((problem) => `  ${problem}`);
  const more = problems.length > MAX_LISTED ? ['  and more errors of this type'] : [];
  return new Error([`${path} cannot be used:`, ...listed, ...more].join('\n'));
};

/** @throws Error that names the file, when it cannot be read, or is not a CSV file in UTF-8 */
const rowsOf = async function* (path: string): AsyncGenerator<Row> {
  // The parser's iteration throws the errors of both streams.
  const parser = pipeline(textOf(path), parse({ info: true, skip_empty_lines: true }), () => {});
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      yield { cells: record, line: info.lines };
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not valid UTF-8' : message;
    throw new Error(`${path} cannot be read as CSV: ${why}`, { cause: error });
  }
};

const textOf = async function* (path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
};

const propertiesIn = (columns: readonly string[]): string[] =>
  columns
    .filter((column) => column.startsWith(PREFIX))
    .map((column) => column.slice(PREFIX.length));

const headerProblems = (columns: readonly string[]): string[] => {
  const problems = [...new Set(columns)].flatMap((column) => {
    const problem = columnProblem(column, columns);
    return problem === undefined ? [] : [`column "${column}" ${problem}`];
  });
  if (!columns.includes('userId')) problems.push('there is no column "userId"');
  const count = propertiesIn(columns).length;
  if (count > MAX_PROPERTIES)
    problems.push(`${count} properties exceed the maximum of ${MAX_PROPERTIES}`);
  return problems;
};

const columnProblem = (column: string, columns: readonly string[]): string | undefined => {
  if (columns.indexOf(column) !== columns.lastIndexOf(column)) return 'is repeated';
  if (findSystemField(column) !== undefined) return undefined;
  if (!column.startsWith(PREFIX)) {
    const known = SYSTEM_FIELDS.map(({ name }) => name).join(', ');
    return `is not a known property; name custom properties ${PREFIX}<name>; the other properties are ${known}`;
  }
  const name = propertyNameSchema.safeParse(column.slice(PREFIX.length));
  return name.success
    ? undefined
    : `cannot be a property: its name ${name.error.issues[0]?.message}`;
};

const rowProblems = ({ userId, ...given }: User, types: Parameters<typeof readUser>[1]) => {
  const id = userIdSchema.safeParse(userId);
  const read = readUser(given, types);
  const problems = 'errors' in read ? read.errors : [];
  return [
    ...(id.success ? [] : [`column "userId" ${id.error.issues[0]?.message}`]),
    ...problems.map(
      ({ pointer, detail }) => `column "${pointer.slice(1).replaceAll('/', '.')}" ${detail}`,
    ),
  ];
};

/** A row as the API accepts it. Empty cells are left out. */
const userOf = (columns: readonly string[], { cells }: Row): User => {
  const user: User = { userId: '' };
  const properties: Record<string, string> = {};
  for (const [index, column] of columns.entries()) {
    const text = cells[index] ?? '';
    if (text === '' || isUnsettableByFile(column)) continue;
    if (column.startsWith(PREFIX)) properties[column.slice(PREFIX.length)] = text;
    else user[column] = valueOf(column, text);
  }
  return { ...user, properties };
};

const valueOf = (column: string, text: string): unknown => {
  const type = findSystemField(column)?.type;
  if (type === 'boolean') return booleanOf(text);
  return type === 'list' ? text.split(';') : text;
};

/** Other text stays text, and is refused as by the API. */
const booleanOf = (text: string): boolean | string => {
  const lower = text.toLowerCase();
  return lower === 'true' || lower === 'false' ? lower === 'true' : text;
};
