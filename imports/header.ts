import type { Readable } from 'node:stream';
import { isUnsettableByFile } from '../rules/changeable-properties.ts';
import { unguarded } from '../selection/formula-guard.ts';
import { fieldNames, findSystemField, type PropertyTypes } from '../selection/fields.ts';
import type { PropertyType } from '../selection/property-types.ts';
import { createNameFinder, foldName, unmistakableName, visibleName } from './column-names.ts';
import { fieldOf, isMapped, LOG_COLUMN, mappingFaults } from './mapping.ts';
import { ImportFileError } from './file-error.ts';
import type { ColumnMapping, MatchKey } from './options.ts';
import { recordsOf } from './records.ts';

/** Most wrong columns that are reported: more than a workspace can have properties. */
export const MAX_NAMED_ERRORS = 350;
/** Most wrong names for which a suggestion is searched. */
const MAX_COMPARED_NAMES = 50;
/** Separators that files of others use. */
export const OTHER_SEPARATOR = /[|:^~]/;

const PREFIX = 'properties.';
/** Columns that only backups have. */
const OF_BACKUPS = new Set(['workspaceId', 'properties', 'writtenIn', 'insertedIn']);

/** Options for reading a header. */
export interface HeaderOptions {
  types: PropertyTypes;
  /** As in the options of an import. */
  matchBy?: MatchKey | undefined;
  columns?: ColumnMapping | undefined;
}

export interface ImportColumn {
  /** As in the header. */
  name: string;
  /** The API's name of the property; null if the column is left out. */
  field: string | null;
  /** Index of its cells, from 0. */
  index: number;
  /**
   * The use of the column: to find the user, for a column of the database, for a custom property,
   * or none.
   */
  target: 'key' | 'system' | 'custom' | 'ignored';
  /** Name of the database's column, or of the custom property. */
  key: string;
  type: PropertyType;
  /**
   * Whether the column is the last one of a log, which states the errors of the previous import.
   */
  isOfLog?: true;
}

/** `pointer` is a JSON pointer: `/file`, or `/file/columns/<index>`. */
export interface HeaderError {
  detail: string;
  pointer: string;
}

/**
 * Like `HeaderError`, but `detail` holds nothing of the file, and continues a sentence after
 * `name`.
 */
export interface HeaderFault extends HeaderError {
  name?: string;
  /** Index of the column in the file, from 0. */
  index?: number;
}

/** `count`: the number of all errors, also of those that are not listed. */
export type ImportHeader = { columns: ImportColumn[] } | { errors: HeaderError[]; count: number };

const FILE = '/file';

/**
 * The names of a header, without padding, and without the last column if it is that of a log. A log
 * for spreadsheets guards its names too.
 */
export const ownNames = (
  cells: readonly string[],
  mapping: ColumnMapping | undefined,
): { names: readonly string[]; isLog: boolean } => {
  const names = withoutPadding(cells, mapping);
  const own = names.slice(0, -1);
  const isLog =
    names.at(-1) === LOG_COLUMN && (!isMapped(LOG_COLUMN, mapping) || own.includes(LOG_COLUMN));
  return isLog ? { names: own.map(unguarded), isLog } : { names, isLog };
};

/**
 * The columns of a file's first record, or its faults. Names are compared exactly, case included.
 */
export const checkHeader = (
  cells: readonly string[],
  options: HeaderOptions,
): { columns: ImportColumn[] } | { faults: HeaderFault[]; count: number } => {
  const { names, isLog } = ownNames(cells, options.columns);
  if (names.some((name) => OF_BACKUPS.has(name) && !isMapped(name, options.columns))) {
    const detail = 'is the file of a backup: restore the backup, or import an export instead';
    return { faults: [{ detail, pointer: FILE }], count: 1 };
  }
  const found = checkColumns(names, options);
  const faults = faultsOf(names, options, found);
  if (faults.length > 0) return { faults: withinLimit(faults), count: faults.length };
  return { columns: isLog ? [...found.columns, logColumn(names.length)] : found.columns };
};

/** The columns that the mapping names. */
export const namesOf = ({ columns = {} }: Pick<HeaderOptions, 'columns'>): ReadonlySet<string> =>
  new Set(Object.keys(columns));

export const emptyFile = (): ImportFileError =>
  new ImportFileError('empty', 1, 'the file is empty. The first line must name the columns.');

/**
 * Reads the columns of a file and closes the file. A file that cannot be read up to its header is
 * reported as an error of the header.
 *
 * @throws errors of the stream
 */
export const readHeader = async (file: Readable, options: HeaderOptions): Promise<ImportHeader> => {
  try {
    for await (const [first] of recordsOf(file, { names: namesOf(options) })) {
      if (first === undefined) continue;
      const header = checkHeader(first.cells, options);
      if ('columns' in header) return header;
      const errors = header.faults.map(({ name = '', detail, pointer }) => ({
        detail: name + detail,
        pointer,
      }));
      return { errors, count: header.count };
    }
    throw emptyFile();
  } catch (error) {
    if (!(error instanceof ImportFileError)) throw error;
    return { errors: [{ detail: error.message, pointer: FILE }], count: 1 };
  }
};

/**
 * Removes columns without a name at the end of a header. They are padding, unless the mapping names
 * them.
 */
const withoutPadding = (
  names: readonly string[],
  mapping: ColumnMapping | undefined,
): readonly string[] => {
  const last = names.findLastIndex((name) => foldName(name) !== '' || isMapped(name, mapping));
  return names.slice(0, last + 1);
};

/** The columns and the faults of single columns. `meant`: the known names that were suggested. */
const checkColumns = (names: readonly string[], options: HeaderOptions) => {
  const { types, columns: mapping } = options;
  const columns: ImportColumn[] = [];
  const faults: HeaderFault[] = [];
  const seen = new Set<string>();
  const fields = names.map((name) => fieldOf(name, mapping));
  const given = new Set(fields);
  const findMeant = createNameFinder(fieldNames(types).filter((name) => !given.has(name)));
  const meant = new Set<string>();
  for (const [index, name] of names.entries()) {
    const column = findColumn(name, index, options);
    const pointer = `/file/columns/${index}`;
    const isTwice = seen.has(name);
    seen.add(name);
    // Faults of a column's mapping are reported with the mapping.
    if (isMapped(name, mapping) && (fields[index] === null || !isTwice)) {
      if (column !== undefined) columns.push(column);
      continue;
    }
    if (column !== undefined && !isTwice) {
      columns.push(column);
      continue;
    }
    const other = isTwice || faults.length >= MAX_COMPARED_NAMES ? undefined : findMeant(name);
    if (other !== undefined) {
      meant.add(other);
      const detail = `: did you mean \`${other}\`?`;
      faults.push({ name: unmistakableName(name), detail, pointer, index });
    } else {
      const detail = isTwice && name !== '' ? ' is repeated' : whyUnknown(name, index);
      faults.push({ name: visibleName(name), detail, pointer, index });
    }
  }
  return { columns, faults, meant };
};

const findColumn = (
  name: string,
  index: number,
  { types, matchBy = 'userId', columns }: HeaderOptions,
): ImportColumn | undefined => {
  const field = fieldOf(name, columns);
  const common = { name, field, index };
  if (field === null) return { ...common, target: 'ignored', key: name, type: 'string' };
  const system = findSystemField(field);
  if (system !== undefined) {
    const target = targetOf(field, matchBy);
    return { ...common, target, key: system.column, type: system.takes };
  }
  if (!field.startsWith(PREFIX)) return undefined;
  const key = field.slice(PREFIX.length);
  const type = types.get(key);
  return type && { ...common, target: 'custom', key, type };
};

/**
 * Only one column identifies the user of a line. If users are found by email address, an id is
 * ignored.
 */
const targetOf = (name: string, matchBy: MatchKey): ImportColumn['target'] => {
  if (name === matchBy) return 'key';
  return isUnsettableByFile(name) || name === 'userId' ? 'ignored' : 'system';
};

const whyUnknown = (name: string, index: number): string => {
  if (foldName(name) === '') {
    return index === 0
      ? ' has no name; if the column has row numbers, export without them (pandas: index=False)'
      : ' has no name';
  }
  if (name.startsWith(PREFIX))
    return ' is not a property of this workspace; define the property first';
  return ' is not a known property; name custom properties properties.<name>';
};

/** All faults of a header and its mapping. */
const faultsOf = (
  names: readonly string[],
  options: HeaderOptions,
  found: ReturnType<typeof checkColumns>,
) => {
  const { types, matchBy = 'userId', columns: mapping = {} } = options;
  const faults = [...mappingFaults(mapping, names, types), ...found.faults].toSorted(
    (a, b) => (a.index ?? Infinity) - (b.index ?? Infinity) || 0,
  );
  const isThere = names.some((name) => fieldOf(name, mapping) === matchBy);
  if (!isThere && !found.meant.has(matchBy)) faults.unshift(withoutKey(names, matchBy));
  return faults;
};

/** The first `MAX_NAMED_ERRORS` faults. One more states how many others there are. */
const withinLimit = (faults: HeaderFault[]): HeaderFault[] => {
  const others = faults.length - MAX_NAMED_ERRORS;
  if (others <= 0) return faults;
  const last = { detail: `has ${others} more columns with errors`, pointer: FILE };
  return [...faults.slice(0, MAX_NAMED_ERRORS), last];
};

const withoutKey = (names: readonly string[], key: MatchKey): HeaderFault => {
  const [only = ''] = names;
  const detail =
    names.length === 1 && OTHER_SEPARATOR.test(only)
      ? `has one column, and the column is not ${key}. Separate cells with a comma, semicolon or tab; ` +
        'to use another separator, put a line such as sep=| first'
      : `has no column ${key}; its first line must name the columns`;
  return { detail, pointer: FILE };
};

const logColumn = (index: number): ImportColumn => ({
  name: LOG_COLUMN,
  field: null,
  index,
  target: 'ignored',
  key: LOG_COLUMN,
  type: 'string',
  isOfLog: true,
});
