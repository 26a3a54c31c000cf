import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { findMapping } from '../../db/imports/import-mappings.ts';
import { MAX_NAMED_ERRORS } from '../../imports/header.ts';
import { MAX_MAPPED_COLUMNS } from '../../imports/mapping.ts';
import type { ColumnMapping } from '../../imports/options.ts';
import { nameSchema } from '../../selection/names.ts';
import { withSizeFirst } from '../../selection/size-first.ts';
import { type InputError, problem, type ProblemError } from '../http/problems.ts';

/** Maximum length of the name of a column or property, in UTF-16 units. */
const MAX_COLUMN_LENGTH = 255;

const columnSchema = z.string().max(MAX_COLUMN_LENGTH);

const TOO_MANY_COLUMNS = `must name at most ${MAX_MAPPED_COLUMNS} columns`;

/** The number of columns is checked first, because a body has room for very many. */
export const columnsSchema = withSizeFirst(
  z
    .record(columnSchema, columnSchema.nullable())
    .describe(
      'Maps column names, exactly as in the file, to properties, such as `email` or ' +
        '`properties.plan`; null omits a column. A column that is not listed is read as the ' +
        'property of the same name',
    ),
  (columns) => {
    if (typeof columns !== 'object' || columns === null || Array.isArray(columns)) return undefined;
    const isTooMany = Object.keys(columns).length > MAX_MAPPED_COLUMNS;
    return isTooMany ? { detail: TOO_MANY_COLUMNS, path: [] } : undefined;
  },
);

export const mappingNameSchema = nameSchema.describe('Name of the mapping in the workspace');

/** Errors that `detail` lists, too. */
const MAX_ERRORS_IN_DETAIL = 5;

/** Errors that `errors` lists. If a header has more, the last one states how many others. */
const MAX_LISTED_ERRORS = MAX_NAMED_ERRORS + 1;

/** A well-formed request with its errors. `count`: the number of all errors. */
export const unprocessable = (errors: InputError[], count = errors.length): ProblemError => {
  const listed = errors
    .slice(0, MAX_ERRORS_IN_DETAIL)
    .map(({ pointer, detail }) => `${pointer}: ${detail}`);
  if (count > listed.length) listed.push(`${count} errors in total, see errors`);
  return problem('unprocessable', listed.join('; '), {
    errors: errors.slice(0, MAX_LISTED_ERRORS),
  });
};

/**
 * The options with the columns of the mapping that they name. @throws ProblemError when there is
 * none
 */
export const withSavedMapping = async <
  Options extends { mapping?: string | undefined; columns?: ColumnMapping | undefined },
>(
  db: Db,
  workspaceId: string,
  options: Options,
): Promise<Options> => {
  const { mapping: name } = options;
  if (name === undefined) return options;
  const saved = await findMapping(db, workspaceId, name);
  if (saved === undefined) {
    const detail = 'is not a mapping of this workspace; save the mapping first';
    throw unprocessable([{ detail, pointer: '/options/mapping' }]);
  }
  return { ...options, columns: saved.columns as ColumnMapping };
};
