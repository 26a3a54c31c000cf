/**
 * The users that a person has selected in a list: ids, or all that the query of the list finds
 * except some. It is never "the page".
 */
export type Selection =
  | { kind: 'some'; ids: ReadonlySet<string> }
  | { kind: 'all'; except: ReadonlySet<string> };

export const NOTHING: Selection = { kind: 'some', ids: new Set() };

export const EVERYTHING: Selection = { kind: 'all', except: new Set() };

export const isNothing = (selection: Selection): boolean =>
  selection.kind === 'some' && selection.ids.size === 0;

export const isTicked = (selection: Selection, id: string): boolean =>
  selection.kind === 'some' ? selection.ids.has(id) : !selection.except.has(id);

/** Ticks or unticks users. */
export const withTicks = (selection: Selection, ids: readonly string[], isOn: boolean): Selection =>
  selection.kind === 'some'
    ? { kind: 'some', ids: changed(selection.ids, ids, isOn) }
    : { kind: 'all', except: changed(selection.except, ids, !isOn) };

/** How many users of a page are ticked: the state of the box in the header. */
export const ticksOf = (
  selection: Selection,
  pageIds: readonly string[],
): 'none' | 'some' | 'all' => {
  const count = pageIds.filter((id) => isTicked(selection, id)).length;
  if (count === 0) return 'none';
  return count === pageIds.length ? 'all' : 'some';
};

/**
 * The number of selected users.
 *
 * @param total the number that the query finds; undefined if it is not known
 */
export const countSelected = (
  selection: Selection,
  total: number | undefined,
): number | undefined => {
  if (selection.kind === 'some') return selection.ids.size;
  return total === undefined ? undefined : Math.max(0, total - selection.except.size);
};

/** The ids from one to another in the order of the page, both included. */
export const rangeOf = (pageIds: readonly string[], from: string, to: string): string[] => {
  const ends = [pageIds.indexOf(from), pageIds.indexOf(to)];
  // One end is on another page.
  if (ends.includes(-1)) return [to];
  return pageIds.slice(Math.min(...ends), Math.max(...ends) + 1);
};

const changed = (
  set: ReadonlySet<string>,
  ids: readonly string[],
  isIn: boolean,
): ReadonlySet<string> => {
  const next = new Set(set);
  for (const id of ids) {
    if (isIn) next.add(id);
    else next.delete(id);
  }
  return next;
};
