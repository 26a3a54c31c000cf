import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { ImportFileError } from '../../../imports/file-error.ts';
import { linesOf as fileLinesOf } from '../../../imports/lines.ts';
import { type ImportChunk, readChunks, type ReadOptions } from '../../../imports/read-chunks.ts';
import { recordsOf } from '../../../imports/records.ts';
import type { PropertyTypes } from '../../../selection/fields.ts';
import { PROPERTY_TYPES } from '../../../selection/property-types.ts';

/** One property of each type, named after the type. */
export const ONE_OF_EACH: PropertyTypes = new Map(PROPERTY_TYPES.map((type) => [type, type]));

/** A file as it comes from a disk or socket: in pieces, cut anywhere. */
export const fileOf = (content: string | Buffer, pieceBytes = 65_536): Readable => {
  const bytes = Buffer.from(content);
  const count = Math.ceil(bytes.length / pieceBytes);
  return Readable.from(
    Array.from({ length: count }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes)),
  );
};

export interface ReadFileOptions extends Omit<Partial<ReadOptions>, 'types' | 'spreadsheetSafe'> {
  /** Null leaves the decision to the file's mark. */
  spreadsheetSafe?: boolean | null;
  pieceBytes?: number;
}

export const chunksOf = async (
  content: string | Buffer,
  { spreadsheetSafe = true, pieceBytes, ...options }: ReadFileOptions = {},
): Promise<ImportChunk[]> => {
  const chunks: ImportChunk[] = [];
  const file = fileOf(content, pieceBytes);
  for await (const chunk of readChunks(file, {
    ...options,
    types: ONE_OF_EACH,
    spreadsheetSafe: spreadsheetSafe ?? undefined,
  })) {
    chunks.push(chunk);
  }
  return chunks;
};

/** All rows and failed lines of a file. */
export const linesOf = async (content: string | Buffer, options: ReadFileOptions = {}) => {
  const chunks = await chunksOf(content, options);
  return {
    rows: chunks.flatMap(({ rows }) => rows),
    failed: chunks.flatMap(({ failed }) => failed),
  };
};

/** Number of lines of a file, including failed ones. */
export const countLines = async (file: Readable): Promise<number> => {
  let count = 0;
  for await (const { records } of fileLinesOf(file, { types: ONE_OF_EACH }))
    count += records.length;
  return count;
};

export const countOf = (content: string | Buffer): Promise<number> => countLines(fileOf(content));

/** A cell, quoted if its text needs it. */
export const quoted = (cell: string): string =>
  /[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;

/** The records of a file, without their lengths. */
export const readRecords = async (content: string | Buffer, pieceBytes = 65_536) => {
  const records: { line: number; cells: string[] }[] = [];
  for await (const some of recordsOf(fileOf(content, pieceBytes))) {
    for (const { line, cells } of some) records.push({ line, cells });
  }
  return records;
};

export const failureOf = async (content: string | Buffer, pieceBytes?: number) => {
  const error: unknown = await readRecords(content, pieceBytes).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ImportFileError);
  const { type, line, message } = error as ImportFileError;
  return { type, line, message };
};

/** Piece sizes that cut a short file in many ways, down to single bytes. */
export const CUTS = [1, 2, 3, 4, 5, 7, 11, 65_536];

/** A cell as written by programs that quote all cells, or only cells that need quotes. */
export const writeCell = (cell: string, style: 'all' | 'some', separator: string) =>
  style === 'all' || /["\r\n\uFEFF]/.test(cell) || cell.includes(separator)
    ? `"${cell.replaceAll('"', '""')}"`
    : cell;
