const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;
const NUMBER = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

/** A size as in `12.4 MB`, by powers of 1,000. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1_000) return `${bytes} B`;
  let size = bytes;
  let unit: string = 'B';
  for (const next of UNITS) {
    if (size < 999.5) break;
    size /= 1_000;
    unit = next;
  }
  return `${NUMBER.format(size)} ${unit}`;
};
