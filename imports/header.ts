import type { Readable } from 'node:stream';
import { findSystemField, type PropertyTypes } from '../selection/fields.ts';
import type { PropertyType } from '../selection/property-types.ts';
import { ImportFileError } from './file-error.ts';
import { recordsOf } from './records.ts';

/** Wrong columns that are told at most. */
const MAX_TOLD_ERRORS = 20;

const PREFIX = 'properties.';
const USER_ID = 'userId';
/** Files of exports have these; nobody sets them by a file. */
const IGNORED = new Set(['legalHold', 'createdAt', 'updatedAt']);
/** Columns that only the files of backups have. */
const OF_BACKUPS = new Set(['workspaceId', 'properties', 'writtenIn', 'insertedIn']);

export interface ImportColumn {
  /** As the header has it. */
  name: string;
  /** Of its cells, from 0. */
  index: number;
  /** What it is for: the user's id, a column of the database, a custom property, or nothing. */
  target: 'userId' | 'system' | 'custom' | 'ignored';
  /** Name of the database's column, or of the custom property. */
  key: string;
  type: PropertyType;
}

/** `pointer` is a JSON pointer: `/file`, or `/file/columns/<index>`. */
export interface HeaderError {
  detail: string;
  pointer: string;
}

const targetOf = (name: string): ImportColumn['target'] => {
  if (name === USER_ID) return 'userId';
  return IGNORED.has(name) ? 'ignored' : 'system';
};

const findColumn = (
  name: string,
  index: number,
  types: PropertyTypes,
): ImportColumn | undefined => {
  const field = findSystemField(name);
  if (field !== undefined) {
    return { name, index, target: targetOf(name), key: field.column, type: field.takes };
  }
  if (!name.startsWith(PREFIX)) return undefined;
  const key = name.slice(PREFIX.length);
  const type = types.get(key);
  return type && { name, index, target: 'custom', key, type };
};

const whyUnknown = (name: string): string => {
  if (name === '') return 'has no name';
  if (name.startsWith(PREFIX)) return 'is no property of this workspace; define it first';
  return 'is no known property; custom ones are named properties.<name>';
};

export type ImportHeader = { columns: ImportColumn[] } | { errors: HeaderError[] };

/** What the first record of a file says. Names are compared as they are: exact, also in case. */
export const checkHeader = (names: readonly string[], types: PropertyTypes): ImportHeader => {
  if (names.some((name) => OF_BACKUPS.has(name))) {
    const detail = 'is of a backup: restore the backup, or import an export instead';
    return { errors: [{ detail, pointer: '/file' }] };
  }
  if (!names.includes(USER_ID)) {
    const detail = 'has no column userId; its first line must name the columns';
    return { errors: [{ detail, pointer: '/file' }] };
  }
  const seen = new Set<string>();
  const columns: ImportColumn[] = [];
  const errors: HeaderError[] = [];
  for (const [index, name] of names.entries()) {
    const column = findColumn(name, index, types);
    const detail = seen.has(name) ? 'is there twice' : whyUnknown(name);
    if (column !== undefined && !seen.has(name)) columns.push(column);
    else errors.push({ detail, pointer: `/file/columns/${index}` });
    seen.add(name);
  }
  return errors.length > 0 ? { errors: errors.slice(0, MAX_TOLD_ERRORS) } : { columns };
};

export const emptyFile = (): ImportFileError =>
  new ImportFileError('empty', 1, 'the file is empty. Its first line names the columns.');

/**
 * Reads the columns of a file and closes it. A file that cannot be read that far has an error too.
 *
 * @throws what the stream throws
 */
export const readHeader = async (file: Readable, types: PropertyTypes): Promise<ImportHeader> => {
  try {
    for await (const [first] of recordsOf(file)) {
      if (first !== undefined) return checkHeader(first.cells, types);
    }
    throw emptyFile();
  } catch (error) {
    if (!(error instanceof ImportFileError)) throw error;
    return { errors: [{ detail: error.message, pointer: '/file' }] };
  }
};
