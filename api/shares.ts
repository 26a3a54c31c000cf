import { createTurns } from '../turns.ts';
import { problem } from './http/problems.ts';

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
  const ofOwner = createTurns(each);
  const ofAll = createTurns(all);
  return (owner) => {
    const giveOwn = ofOwner(owner);
    if (giveOwn === undefined) {
      throw problem(
        'busy',
        `Too many ${what} in this workspace; at most ${each} are allowed. Wait a little.`,
      );
    }
    const give = ofAll('all');
    if (give === undefined) {
      giveOwn();
      throw problem('busy', `Too many ${what}; at most ${all} are allowed. Wait a little.`);
    }
    return () => {
      giveOwn();
      give();
    };
  };
};
