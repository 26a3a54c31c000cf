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

/** How the name of a file of this kind ends: `csv`, `ndjson.gz`. */
export const endingOf = ({
  format = 'csv',
  compression,
}: Pick<PartFile, 'format' | 'compression'>): string =>
  compression === 'gzip' ? `${format}.gz` : format;

/** Each attempt writes below a prefix of its own, so no attempt meets another's files. */
export const attemptPrefix = (exportId: string, attempt: number): string =>
  `${exportPrefix(exportId)}/${attempt}`;

export const partKey = (part: PartFile): string => {
  const name = String(part.part).padStart(6, '0');
  return `${attemptPrefix(part.exportId, part.attempt)}/${name}.${endingOf(part)}`;
};
