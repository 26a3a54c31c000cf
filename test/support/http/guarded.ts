import { parse } from 'csv-parse/sync';
import { createCsvGuard, type CsvGuard } from '../../../selection/formula-guard.ts';

/** What a spreadsheet may run, where a cell begins with it. */
export const FORMULA = /^[=+\-@＝＋－＠]/u;

/** The pieces of a CSV text, whatever a spreadsheet splits it at, and however it reads quotes. */
export const piecesOf = (csv: string): string[] =>
  csv.split(/[,;|\t\r\n]/).map((piece) => piece.replace(/^"+/, ''));

/** Where the rows of a file begin, in bytes. */
const rowStarts = (bytes: Buffer): number[] => {
  const starts = [0];
  let isQuoted = false;
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0x22) isQuoted = !isQuoted;
    if (byte === 0x0a && !isQuoted) starts.push(at + 1);
  }
  return starts.filter((at) => at < bytes.length);
};

/**
 * A file that goes through a guard in chunks of so many bytes, and the rest; as COPY's messages
 * have it.
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
    // The giver writes over a chunk that is not given on itself.
    const chunk = Buffer.from(bytes.subarray(at, end));
    const given = guard(chunk);
    guarded.push(Buffer.from(given));
    if (given !== chunk) chunk.fill('x');
    at = end;
  }
  return Buffer.concat(guarded).toString();
};

/** A cell of text as a file for spreadsheets holds it. */
export const guardedCell = (text: string): string => {
  const csv = `"${text.replaceAll('"', '""')}"\n`;
  const guarded = passThrough(
    createCsvGuard(() => true),
    csv,
  );
  const [[cell = ''] = []]: string[][] = parse(guarded, { record_delimiter: '\n' });
  return cell;
};
