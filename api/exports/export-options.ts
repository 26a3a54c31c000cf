import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { MAX_PROPERTIES, propertyTypesOf } from '../../db/users/properties.ts';
import type { ExportOptions } from '../../db/schema.ts';
import { fieldNames, findField, SYSTEM_FIELDS } from '../../selection/fields.ts';
import { invalidRequest, problem } from '../http/problems.ts';

const MAX_COLUMNS = SYSTEM_FIELDS.length + MAX_PROPERTIES;
/** `properties.` and the longest name. */
const MAX_COLUMN_LENGTH = 80;

const columnsSchema = z
  .array(z.string().min(1).max(MAX_COLUMN_LENGTH))
  .min(1)
  .max(MAX_COLUMNS)
  .superRefine((names, context) => {
    const seen = new Set<string>();
    for (const [index, name] of names.entries()) {
      if (seen.has(name)) {
        context.addIssue({ code: 'custom', path: [index], message: 'is repeated' });
      }
      seen.add(name);
    }
  })
  .describe(
    'System properties, and custom properties as `properties.<name>`, in this order; by default all of them',
  );

/** The options of the file in a request. */
export const exportOptionsShape = {
  format: z.enum(['csv', 'ndjson']).default('csv'),
  compression: z.enum(['gzip', 'none']).default('gzip'),
  columns: columnsSchema.optional(),
  spreadsheetSafe: z
    .boolean()
    .optional()
    .describe(
      'CSV only, and the default for CSV. The file begins with a byte-order mark, so that spreadsheets read UTF-8. ' +
        "A `'` is put before each `=`, `+`, `-`, `@` and `'` at the beginning of a text or after a separator in it, " +
        "so that no spreadsheet runs the text as a formula. An import removes exactly these `'`",
    ),
  notify: z.boolean().default(true).describe('Send a mail with a link once the file is verified'),
};

type WantedOptions = z.infer<z.ZodObject<typeof exportOptionsShape>>;

/**
 * The options as the job stores them. Columns that are defined later are not exported.
 *
 * @throws ProblemError if a column is unknown, or an option does not fit the format
 */
export const freezeExportOptions = async (
  db: Db,
  workspaceId: string,
  wanted: WantedOptions,
): Promise<ExportOptions> => {
  const spreadsheetSafe = isSpreadsheetSafe(wanted);
  const types = await propertyTypesOf(db, workspaceId);
  const { format, compression, notify, columns = fieldNames(types) } = wanted;
  const errors = columns.flatMap((name, index) =>
    findField(name, types) === undefined
      ? [{ detail: 'is not a known property', pointer: `/columns/${index}` }]
      : [],
  );
  if (errors.length > 0) throw invalidRequest(errors);
  return { format, compression, columns, spreadsheetSafe, notify };
};

const isSpreadsheetSafe = ({ format, spreadsheetSafe }: WantedOptions): boolean => {
  if (format === 'csv') return spreadsheetSafe ?? true;
  if (spreadsheetSafe !== true) return false;
  const detail = 'is allowed for CSV only; omit it, or choose CSV';
  throw problem('unprocessable', `/spreadsheetSafe: ${detail}`, {
    errors: [{ detail, pointer: '/spreadsheetSafe' }],
  });
};
