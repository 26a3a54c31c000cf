/** Every file of an export, whatever its attempt. */
export const exportPrefix = (exportId: string): string => `exports/${exportId}`;

/** Each attempt writes below a prefix of its own, so no attempt meets another's files. */
export const attemptPrefix = (exportId: string, attempt: number): string =>
  `${exportPrefix(exportId)}/${attempt}`;

export const partKey = (part: {
  exportId: string;
  attempt: number;
  part: number;
  compression: 'gzip' | 'none';
}): string => {
  const name = String(part.part).padStart(6, '0');
  const ending = part.compression === 'gzip' ? 'csv.gz' : 'csv';
  return `${attemptPrefix(part.exportId, part.attempt)}/${name}.${ending}`;
};
