/** What the address of the list of segments says. */
export interface SegmentSearch {
  /** A part of the name. */
  q?: string | undefined;
  /** The id of the segment that the dialog asks about. */
  delete?: string | undefined;
}

export const readSegmentSearch = (raw: Record<string, unknown>): SegmentSearch => ({
  q: textOf(raw['q']),
  delete: textOf(raw['delete']),
});

/** The segments whose name contains a text, in any case. */
export const withName = <Named extends { name: string }>(
  segments: readonly Named[],
  text: string | undefined,
): readonly Named[] => {
  const wanted = text?.trim().toLowerCase() ?? '';
  return segments.filter(({ name }) => name.toLowerCase().includes(wanted));
};

/** The router reads a text such as `42` as a number. */
const textOf = (raw: unknown): string | undefined => {
  if (raw === undefined || raw === null || raw === '') return undefined;
  return typeof raw === 'string' ? raw : JSON.stringify(raw);
};
