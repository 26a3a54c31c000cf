import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { importLog } from '../../db/imports/import-failures.ts';
import type { JobRow } from '../../db/jobs/jobs.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { type KeptLine, logLines, readLogHead } from '../../imports/log/log-file.ts';
import type { ImportOptions } from '../../imports/options.ts';
import { importKey } from '../../files/import-key.ts';
import type { ApiDeps } from '../deps.ts';

/** Size of one piece of text to send, in UTF-16 units. */
const PIECE_LENGTH = 64 * 1024;

type Row = Record<keyof KeptLine, string>;

/**
 * The log of an import: its failed lines in the format of the uploaded file, whose header is read
 * for that. After its values are fixed, the log can be imported as it is.
 *
 * @throws StorageError if the file cannot be read
 */
export const openImportLog = async (
  { database: { db }, storage }: Pick<ApiDeps, 'database' | 'storage'>,
  job: Pick<JobRow, 'id' | 'workspace_id' | 'import_file_id' | 'options'>,
  spreadsheetSafe: boolean,
) => {
  const { matchBy, columns, spreadsheetSafe: isGuarded } = job.options as ImportOptions;
  const [types, file] = await Promise.all([
    propertyTypesOf(db, job.workspace_id),
    storage.get(importKey(job.import_file_id ?? '')),
  ]);
  const head = await readLogHead(file, { types, matchBy, columns, spreadsheetSafe: isGuarded });
  const lines = logLines(head, spreadsheetSafe);
  return {
    query: importLog(job.id),
    write: (rows: Readable): Readable =>
      Readable.from(writtenAnew(rows, lines), { objectMode: false }),
  };
};

/**
 * Rows of COPY, written anew as lines of a file. If the reader stops early, the connection is
 * closed.
 */
const writtenAnew = async function* (
  rows: Readable,
  { begin, line }: ReturnType<typeof logLines>,
): AsyncGenerator<string> {
  const records = pipeline(rows, parse({ columns: true }), () => {}) as AsyncIterable<Row>;
  let text = begin;
  for await (const row of records) {
    text += line({ ...row, line: Number(row.line), code: row.code as KeptLine['code'] });
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = '';
  }
  yield text;
};
