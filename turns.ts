/**
 * Reserves a slot for a name.
 *
 * @returns the function that releases the slot; undefined if the name has no free slot
 */
export type TakeTurn = (name: string) => (() => void) | undefined;

/** Limits concurrent work to `most` slots for each name. It never waits. */
export const createTurns = (most: number): TakeTurn => {
  const underWay = new Map<string, number>();
  return (name) => {
    const count = underWay.get(name) ?? 0;
    if (count >= most) return undefined;
    underWay.set(name, count + 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      const left = (underWay.get(name) ?? 1) - 1;
      if (left === 0) underWay.delete(name);
      else underWay.set(name, left);
    };
  };
};
