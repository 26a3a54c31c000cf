import { z } from 'zod';
import { BAD_CELLS, EMPTY_CELLS, IMPORT_MODES, MATCH_KEYS } from '../../imports/options.ts';
import { columnsSchema, mappingNameSchema } from './import-mapping.ts';
import type { InputError } from '../http/problems.ts';
import { reasonSchema } from '../jobs/reason.ts';

/** What a request says of its file. */
export const importOptionsSchema = z.strictObject({
  mode: z
    .enum(IMPORT_MODES)
    .describe(
      '`replace`: a user becomes what the file says, and what it has no column for becomes unknown; ' +
        '`update`: only the columns of the file change; `updateOnly`: likewise, and no user is made; ' +
        '`insert`: users who are there stay as they are',
    ),
  columns: columnsSchema.optional(),
  mapping: mappingNameSchema
    .optional()
    .describe('Name of a mapping that the workspace keeps, in place of `columns`'),
  mergeTags: z
    .boolean()
    .default(false)
    .describe('Tags of the file are added to those a user has; not with mode `insert`'),
  emptyCells: z
    .enum(EMPTY_CELLS)
    .optional()
    .describe(
      '`clear`, which is meant when left out: an empty cell makes the value unknown; `keep`: it leaves the value ' +
        'as it is. Not with mode `insert`',
    ),
  badCells: z
    .enum(BAD_CELLS)
    .optional()
    .describe(
      '`failLine`, which is meant when left out: a cell that cannot be taken fails its line; `skipCell`: it leaves ' +
        'the value as it is and is told in the log, and the rest of the line is imported. What finds the user ' +
        'always fails its line',
    ),
  matchBy: z
    .enum(MATCH_KEYS)
    .optional()
    .describe(
      '`userId`, which is meant when left out; `email`: a line is about the one user with its mail address, in ' +
        'capitals or not, and no user is made. Not with mode `insert`',
    ),
  dryRun: z.boolean().default(false).describe('Check and count everything, write no user'),
  spreadsheetSafe: z
    .boolean()
    .optional()
    .describe(
      "Whether the file is guarded against formulas; then each `'` that exports put before `=`, `+`, `-`, `@` and " +
        'the like is taken off. When left out, a file is guarded if it begins with a byte-order mark, as exports ' +
        'for spreadsheets do. Say `true` for such an export that has lost its mark',
    ),
  notify: z.boolean().default(true).describe('Mail the counts once it is done'),
  reason: reasonSchema.optional(),
});

export type WantedImport = z.infer<typeof importOptionsSchema>;

/** Options that contradict others, by the rules of imports. */
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
      detail: 'names columns, as /options/columns does; leave one out',
      pointer: '/options/mapping',
    });
  }
  if (mode !== 'insert') return errors;
  const nothing = 'does nothing in mode insert; leave it out';
  if (mergeTags) errors.push({ detail: nothing, pointer: '/options/mergeTags' });
  if (emptyCells === 'keep') errors.push({ detail: nothing, pointer: '/options/emptyCells' });
  if (matchBy === 'email') {
    const detail = 'makes no user in mode insert: a new one needs a userId. Use another mode';
    errors.push({ detail, pointer: '/options/matchBy' });
  }
  return errors;
};

/** Writes no user, whoever sends it as it is. */
const OPTIONS_EXAMPLE = { mode: 'update', dryRun: true };

/** How the request's body is described; it is read by hand, as it comes. */
export const IMPORT_BODY = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['options', 'file'],
        additionalProperties: false,
        description: 'Exactly these two parts, in this order',
        properties: {
          // Swagger UI fills its form from here, and with values of its own where there is none.
          options: {
            ...z.toJSONSchema(importOptionsSchema, { io: 'input' }),
            examples: [OPTIONS_EXAMPLE],
          },
          file: {
            type: 'string',
            format: 'binary',
            description: 'CSV in UTF-8, packed by gzip or not; its first line names the columns',
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
