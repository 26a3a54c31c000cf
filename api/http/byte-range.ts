import type { ByteRange } from '../../storage/storage.ts';

const RANGE = /^bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*$/i;

/**
 * Reads a Range header. Several ranges, another unit or a malformed header count as no range:
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export const readByteRange = (
  header: string | undefined,
  size: number,
): ByteRange | 'whole' | 'unsatisfiable' => {
  const match = header === undefined ? null : RANGE.exec(header);
  if (match === null) return 'whole';
  const [, from, to, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(from);
  const end = to === undefined || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== undefined && to !== '' && Number(to) < start) return 'whole';
  return start >= size ? 'unsatisfiable' : { start, end };
};

/** Whether a list of entity tags (or `*`) includes this tag; a `W/` prefix is ignored. */
export const namesTag = (header: string | undefined, tag: string): boolean =>
  header !== undefined &&
  (header.trim() === '*' ||
    header.split(',').some((given) => given.trim().replace(/^W\//, '') === tag));
