import { Readable } from 'node:stream';
import { type ImportChunk, readChunks } from '../../imports/read-chunks.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import { PROPERTY_TYPES } from '../../selection/property-types.ts';

/** One property of each type, named after it. */
export const ONE_OF_EACH: PropertyTypes = new Map(PROPERTY_TYPES.map((type) => [type, type]));

/** A file as it comes from a disk or socket: in pieces, cut anywhere. */
export const fileOf = (content: string | Buffer, pieceBytes = 65_536): Readable => {
  const bytes = Buffer.from(content);
  const count = Math.ceil(bytes.length / pieceBytes);
  return Readable.from(
    Array.from({ length: count }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes)),
  );
};

export interface ReadFileOptions {
  /** Null leaves it to the file. */
  spreadsheetSafe?: boolean | null;
  pieceBytes?: number;
}

export const chunksOf = async (
  content: string | Buffer,
  { spreadsheetSafe = true, pieceBytes }: ReadFileOptions = {},
): Promise<ImportChunk[]> => {
  const chunks: ImportChunk[] = [];
  const file = fileOf(content, pieceBytes);
  for await (const chunk of readChunks(file, {
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

/** A cell as careful writers write it. */
export const quoted = (cell: string): string =>
  /[",;\t\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
