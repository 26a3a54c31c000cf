import { z } from 'zod';
import { BAD_CELLS, EMPTY_CELLS, IMPORT_MODES, MATCH_KEYS } from '../../imports/options.ts';
import { columnsSchema, mappingNameSchema } from './import-mapping.ts';
import type { InputError } from '../http/problems.ts';
import { reasonSchema } from '../jobs/reason.ts';

/** The options of a file in a request. */
export const importOptionsSchema = z.strictObject({
  mode: z
    .enum(IMPORT_MODES)
    .describe(
      '`replace`: a user gets the values of the line, and properties without a column are cleared; ' +
        '`update`: only the columns of the file change; `updateOnly`: as `update`, but no user is created; ' +
        '`insert`: existing users stay unchanged',
    ),
  columns: columnsSchema.optional(),
  mapping: mappingNameSchema
    .optional()
    .describe('Name of a saved mapping of the workspace, instead of `columns`'),
  mergeTags: z
    .boolean()
    .default(false)
    .describe(
      'Add the tags of the file to the existing tags of a user; not allowed in mode `insert`',
    ),
  emptyCells: z
    .enum(EMPTY_CELLS)
    .optional()
    .describe(
      '`clear` (default): an empty cell clears the value; `keep`: an empty cell leaves the value unchanged. ' +
        'Not allowed in mode `insert`',
    ),
  badCells: z
    .enum(BAD_CELLS)
    .optional()
    .describe(
      '`failLine` (default): a line with an invalid cell fails; `skipCell`: the value stays unchanged, the log ' +
        'reports the cell, and the rest of the line is imported. A line always fails if the cell that ' +
        'identifies the user is invalid',
    ),
  matchBy: z
    .enum(MATCH_KEYS)
    .optional()
    .describe(
      '`userId` (default); `email`: a line is for the one user with this email address, ignoring case, and no ' +
        'user is created. Not allowed in mode `insert`',
    ),
  dryRun: z.boolean().default(false).describe('Check and count all lines, but write no user'),
  spreadsheetSafe: z
    .boolean()
    .optional()
    .describe(
      "Whether the file is guarded against formulas. If so, each `'` that exports put before `=`, `+`, `-`, `@` " +
        'and similar characters is removed. By default, a file is guarded if it begins with a byte-order mark, ' +
        'as exports for spreadsheets do. Set `true` for such an export without its mark',
    ),
  notify: z.boolean().default(true).describe('Send a mail with the counts at the end'),
  reason: reasonSchema.optional(),
});

export type WantedImport = z.infer<typeof importOptionsSchema>;

/** Options that conflict with other options. */
export const contradictionsOf = ({
  mode,
  mergeTags,
  emptyCells,
  matchBy,
  columns,
  mapping,
}: WantedImport): InputError[] => {
  const errors: InputError[] = [];
  if (columns !== undefined && mapping !== undefined) {
    errors.push({
      detail: 'must not be given together with /options/columns',
      pointer: '/options/mapping',
    });
  }
  if (mode !== 'insert') return errors;
  const nothing = 'has no effect in mode insert; omit it';
  if (mergeTags) errors.push({ detail: nothing, pointer: '/options/mergeTags' });
  if (emptyCells === 'keep') errors.push({ detail: nothing, pointer: '/options/emptyCells' });
  if (matchBy === 'email') {
    const detail =
      'cannot create users in mode insert, because a new user needs a userId; use another mode';
    errors.push({ detail, pointer: '/options/matchBy' });
  }
  return errors;
};

/** An example that writes no user if it is sent unchanged. */
const OPTIONS_EXAMPLE = { mode: 'update', dryRun: true };

/** The description of the request body. The body is parsed as a stream, not by Fastify. */
export const IMPORT_BODY = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['options', 'file'],
        additionalProperties: false,
        description: 'Send exactly these two parts, in this order',
        properties: {
          // Swagger UI fills its form with this example, and otherwise with values of its own.
          options: {
            ...z.toJSONSchema(importOptionsSchema, { io: 'input' }),
            examples: [OPTIONS_EXAMPLE],
          },
          file: {
            type: 'string',
            format: 'binary',
            description:
              'CSV in UTF-8, optionally compressed with gzip; the first line names the columns',
          },
        },
      },
      example: {
        options: OPTIONS_EXAMPLE,
        file: 'userId,firstName,tags\nu-1,Ada,beta;newsletter\n',
      },
      encoding: {
        options: { contentType: 'application/json' },
        file: { contentType: 'text/csv' },
      },
    },
  },
};
