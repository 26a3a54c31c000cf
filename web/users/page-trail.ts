/** A page that was left forwards. */
export interface Step {
  /** Its cursor; empty for the first page. */
  after: string;
  /** The number of its users. */
  size: number;
}

/** A page of the list, and the way to it. */
export interface Place {
  /** The cursor of the page; undefined for the first page. */
  after: string | undefined;
  /** The pages before it, as far as they were seen: none for a page from a link. */
  trail: readonly Step[];
  /** The cursor of the page before, as the API gives it; undefined until it is known. */
  prevCursor: string | null | undefined;
  /** The page has no users; false until that is known. */
  isEmpty: boolean;
}

/** The number of users before the page. Undefined if the way to it does not begin at the start. */
export const usersBefore = (place: Place): number | undefined => {
  if (isFirst(place)) return 0;
  const { trail } = place;
  if (trail[0]?.after !== '') return undefined;
  return trail.reduce((sum, { size }) => sum + size, 0);
};

/** An empty page is the first only without a cursor: the users before it may be new. */
export const isFirst = ({ after, prevCursor, isEmpty }: Place): boolean =>
  after === undefined || (prevCursor === null && !isEmpty);

/** The way to the next page. */
export const trailAfter = (place: Place, size: number): Step[] =>
  isFirst(place) ? [{ after: '', size }] : [...place.trail, { after: place.after ?? '', size }];

/** The page before: by the way that was gone, or as the API gives it, or else the first one. */
export const placeBefore = ({
  trail,
  prevCursor,
}: Place): { after: string | undefined; trail: Step[] } => {
  const last = trail.at(-1);
  const after = last === undefined ? prevCursor : last.after;
  return { after: after || undefined, trail: trail.slice(0, -1) };
};
