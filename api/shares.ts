import { createTurns } from '../turns.ts';
import { problem } from './http/problems.ts';

export interface ShareLimits {
  /** Limit of all owners together. */
  all: number;
  /** Limit of one owner: a workspace, or a key with access to all workspaces. */
  each: number;
  /** Name of the limited things, as in "Too many open streams". */
  what: string;
}

/** Acquires one for an owner. @returns its release function; a second call does nothing */
export type TakeShare = (owner: string) => () => void;

/** Counts things per owner. @throws ProblemError `busy` if a limit is reached */
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
