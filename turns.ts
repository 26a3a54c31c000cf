/**
 * Takes a turn for a name. @returns what gives it back, once; undefined where the name has all it
 * may have
 */
export type TakeTurn = (name: string) => (() => void) | undefined;

/**
 * Counts what is under way for each name, and lets none have more than `most` at a time. Nobody
 * waits.
 */
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
