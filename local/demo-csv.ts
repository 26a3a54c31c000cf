import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';

const BOOLEANS = ['emailOptin', 'smsOptin', 'whatsAppOptin'];
const READ_ONLY = ['createdAt', 'updatedAt', 'legalHold'];
const PREFIX = 'properties.';

const valueOf = (column: string, text: string): unknown => {
  if (BOOLEANS.includes(column)) return text === 'true';
  return column === 'tags' ? text.split(';') : text;
};

/** A row as the API takes it; empty cells are unknown. */
const userOf = (row: Record<string, string>): Record<string, unknown> => {
  const user: Record<string, unknown> = {};
  const properties: Record<string, unknown> = {};
  for (const [column, text] of Object.entries(row)) {
    if (text === '' || READ_ONLY.includes(column)) continue;
    if (column.startsWith(PREFIX)) properties[column.slice(PREFIX.length)] = text;
    else user[column] = valueOf(column, text);
  }
  return { ...user, properties };
};

/**
 * Users of a CSV file with the API's names as header. Columns `properties.<name>` are taken as text.
 *
 * @throws Error when the file cannot be read or has no column userId
 */
export const usersOfCsv = async function* (path: string): AsyncGenerator<Record<string, unknown>> {
  const rows = createReadStream(path).pipe(parse({ columns: true, bom: true }));
  for await (const row of rows as AsyncIterable<Record<string, string>>) {
    if (row['userId'] === undefined) throw new Error(`${path} has no column userId`);
    yield userOf(row);
  }
};

/** Names of the custom properties a CSV file's header mentions. */
export const propertiesOfCsv = async (path: string): Promise<string[]> => {
  const rows = createReadStream(path).pipe(parse({ bom: true, to: 1 }));
  for await (const header of rows as AsyncIterable<string[]>) {
    const custom = header.filter((column) => column.startsWith(PREFIX));
    return custom.map((column) => column.slice(PREFIX.length));
  }
  return [];
};
