import type { Compression, Format } from '../db/schema.ts';

/** Every file of an export, whatever its attempt. */
export const exportPrefix = (exportId: string): string => `exports/${exportId}`;

/** Which file a part is. */
export interface PartFile {
  exportId: string;
  attempt: number;
  part: number;
  /** CSV when left out, as every backup is. */
  format?: Format;
  compression: Compression;
}

const ENDINGS: Record<Compression, string> = { none: '', gzip: '.gz', zstd: '.zst' };

/** Each attempt writes below a prefix of its own, so no attempt meets another's files. */
export const attemptPrefix = (exportId: string, attempt: number): string =>
  `${exportPrefix(exportId)}/${attempt}`;

export const partKey = (part: PartFile): string => {
  const { exportId, attempt, format = 'csv', compression } = part;
  const name = String(part.part).padStart(6, '0');
  return `${attemptPrefix(exportId, attempt)}/${name}.${format}${ENDINGS[compression]}`;
};
