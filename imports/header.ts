import type { Readable } from 'node:stream';
import { fieldNames, findSystemField, type PropertyTypes } from '../selection/fields.ts';
import type { PropertyType } from '../selection/property-types.ts';
import { createNameFinder, foldName, unmistakableName, visibleName } from './column-names.ts';
import { ImportFileError } from './file-error.ts';
import { recordsOf } from './records.ts';

/** Wrong columns that are named at most: more than there are columns to name. */
const MAX_NAMED_ERRORS = 350;
/** Names that are compared with the known ones, to find what they were meant for. */
const MAX_COMPARED_NAMES = 50;
/** What separates cells in files of others. */
export const OTHER_SEPARATOR = /[|:^~]/;

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

/** Likewise; `detail` holds nothing of the file, and goes on after the name as it is shown. */
interface HeaderFault extends HeaderError {
  name?: string;
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

const whyUnknown = (name: string, index: number): string => {
  if (foldName(name) === '') {
    return index === 0
      ? ' has no name; a program that writes row numbers can leave them out (pandas: index=False)'
      : ' has no name';
  }
  if (name.startsWith(PREFIX)) return ' is no property of this workspace; define it first';
  return ' is no known property; custom ones are named properties.<name>';
};

/** What is wrong with columns by themselves. `columns` are the others. */
const checkColumns = (names: readonly string[], types: PropertyTypes) => {
  const columns: ImportColumn[] = [];
  const faults: HeaderFault[] = [];
  const seen = new Set<string>();
  const findMeant = createNameFinder(fieldNames(types).filter((name) => !names.includes(name)));
  const meant = new Set<string>();
  for (const [index, name] of names.entries()) {
    const column = findColumn(name, index, types);
    const pointer = `/file/columns/${index}`;
    const isTwice = seen.has(name);
    seen.add(name);
    if (column !== undefined && !isTwice) {
      columns.push(column);
      continue;
    }
    const other = isTwice || faults.length >= MAX_COMPARED_NAMES ? undefined : findMeant(name);
    if (other !== undefined) {
      meant.add(other);
      const detail = `: did you mean \`${other}\`?`;
      faults.push({ name: unmistakableName(name), detail, pointer });
    } else {
      const detail = isTwice && name !== '' ? ' is there twice' : whyUnknown(name, index);
      faults.push({ name: visibleName(name), detail, pointer });
    }
  }
  return { columns, faults, meant };
};

export type ImportHeader = { columns: ImportColumn[] } | { errors: HeaderError[] };

const FILE = '/file';

const withoutUserId = (names: readonly string[]): HeaderFault => {
  const [only = ''] = names;
  const detail =
    names.length === 1 && OTHER_SEPARATOR.test(only)
      ? 'has one column, and none is userId. Cells are separated by a comma, semicolon or tab; ' +
        'a first line such as sep=| names another separator'
      : 'has no column userId; its first line must name the columns';
  return { detail, pointer: FILE };
};

/** Columns without a name at the end of a header are padding. */
const withoutPadding = (names: readonly string[]): readonly string[] => {
  const last = names.findLastIndex((name) => foldName(name) !== '');
  return names.slice(0, last + 1);
};

/**
 * What the first record of a file says, with all that is wrong with it. Names are compared as they are:
 * exact, also in case.
 */
export const checkHeader = (
  cells: readonly string[],
  types: PropertyTypes,
): { columns: ImportColumn[] } | { faults: HeaderFault[] } => {
  const names = withoutPadding(cells);
  if (names.some((name) => OF_BACKUPS.has(name))) {
    const detail = 'is of a backup: restore the backup, or import an export instead';
    return { faults: [{ detail, pointer: FILE }] };
  }
  const { columns, faults, meant } = checkColumns(names, types);
  if (!names.includes(USER_ID) && !meant.has(USER_ID)) faults.unshift(withoutUserId(names));
  if (faults.length === 0) return { columns };
  const others = faults.length - MAX_NAMED_ERRORS;
  if (others <= 0) return { faults };
  const last = { detail: `has ${others} more columns that are wrong`, pointer: FILE };
  return { faults: [...faults.slice(0, MAX_NAMED_ERRORS), last] };
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
      if (first === undefined) continue;
      const header = checkHeader(first.cells, types);
      if ('columns' in header) return header;
      const errors = header.faults.map(({ name = '', detail, pointer }) => ({
        detail: name + detail,
        pointer,
      }));
      return { errors };
    }
    throw emptyFile();
  } catch (error) {
    if (!(error instanceof ImportFileError)) throw error;
    return { errors: [{ detail: error.message, pointer: FILE }] };
  }
};
