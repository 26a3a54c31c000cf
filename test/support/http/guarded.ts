import { parse } from 'csv-parse/sync';
import { createCsvGuard, type CsvGuard } from '../../../selection/formula-guard.ts';

/** The start of a cell that a spreadsheet may run as a formula. */
export const FORMULA = /^[=+\-@＝＋－＠]/u;

/**
 * The pieces of a CSV text at every separator that a spreadsheet may use, with or without support
 * for quotes.
 */
export const piecesOf = (csv: string): string[] =>
  csv.split(/[,;|\t\r\n]/).map((piece) => piece.replace(/^"+/, ''));

/**
 * Passes a file through a guard in chunks of these sizes, and the rest as one chunk, like the
 * messages of COPY.
 */
export const passThrough = (
  { startRow, guard }: CsvGuard,
  csv: string,
  sizes: readonly number[] = [],
): string => {
  const bytes = Buffer.from(csv);
  const starts = rowStarts(bytes);
  const guarded: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    const end = Math.min(at + size, bytes.length);
    for (const start of starts.filter((row) => row >= at && row < end)) startRow(start - at);
    // The sender overwrites a chunk that is not returned itself.
    const chunk = Buffer.from(bytes.subarray(at, end));
    const given = guard(chunk);
    guarded.push(Buffer.from(given));
    if (given !== chunk) chunk.fill('x');
    at = end;
  }
  return Buffer.concat(guarded).toString();
};

/** A text as a cell of a file for spreadsheets. */
export const guardedCell = (text: string): string => {
  const csv = `"${text.replaceAll('"', '""')}"\n`;
  const guarded = passThrough(
    createCsvGuard(() => true),
    csv,
  );
  const [[cell = ''] = []]: string[][] = parse(guarded, { record_delimiter: '\n' });
  return cell;
};

/** Start positions of a file's rows, in bytes. */
const rowStarts = (bytes: Buffer): number[] => {
  const starts = [0];
  let isQuoted = false;
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0x22) isQuoted = !isQuoted;
    if (byte === 0x0a && !isQuoted) starts.push(at + 1);
  }
  return starts.filter((at) => at < bytes.length);
};
