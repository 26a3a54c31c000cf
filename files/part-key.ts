import type { Compression, Format } from '../db/schema.ts';

/** Prefix of every file of an export, in all attempts. */
export const exportPrefix = (exportId: string): string => `exports/${exportId}`;

/** The facts that identify a part's file. */
export interface PartFile {
  exportId: string;
  attempt: number;
  part: number;
  /** CSV if left out; every backup is CSV. */
  format?: Format;
  compression: Compression;
}

const ENDINGS: Record<Compression, string> = { none: '', gzip: '.gz', zstd: '.zst' };

/** Each attempt writes below its own prefix, so that attempts never write the same file. */
export const attemptPrefix = (exportId: string, attempt: number): string =>
  `${exportPrefix(exportId)}/${attempt}`;

export const partKey = (part: PartFile): string => {
  const { exportId, attempt, format = 'csv', compression } = part;
  const name = String(part.part).padStart(6, '0');
  return `${attemptPrefix(exportId, attempt)}/${name}.${format}${ENDINGS[compression]}`;
};
