import { problem } from './problems.ts';

export interface ShareLimits {
  /** Of all together. */
  all: number;
  /** Of one owner: a workspace, or a key that sees all of them. */
  each: number;
  /** What there is so much of, as in "Too many logs are being sent". */
  what: string;
}

/** Takes one for an owner. @returns what gives it back; to call it again does nothing */
export type TakeShare = (owner: string) => () => void;

/** Counts what owners hold of something. @throws ProblemError `busy` from what it makes */
export const createShares = ({ all, each, what }: ShareLimits): TakeShare => {
  const held = new Map<string, number>();
  let total = 0;
  return (owner) => {
    const own = held.get(owner) ?? 0;
    if (own >= each) {
      throw problem(
        'busy',
        `Too many ${what} for this workspace: ${each} at a time. Wait a little.`,
      );
    }
    if (total >= all) throw problem('busy', `Too many ${what}: ${all} at a time. Wait a little.`);
    held.set(owner, own + 1);
    total += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      total -= 1;
      const left = (held.get(owner) ?? 1) - 1;
      if (left === 0) held.delete(owner);
      else held.set(owner, left);
    };
  };
};
