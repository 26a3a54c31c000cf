import type { Pool, PoolClient } from 'pg';

/** How a pool divides its connections among owners. */
export interface Shares {
  /**
   * The owner of the work that requests a connection. Undefined if the work has no owner; such work
   * is not limited.
   */
  ownerOf: () => string | undefined;
  /** Connections that one owner may use at a time. */
  each: number;
  /** Requests of one owner that may wait for a connection. */
  maxWaiting: number;
  /** Longest wait, in milliseconds. */
  waitMs: number;
}

const NAME = 'ShareExceeded';

interface Owner {
  taken: number;
  waiting: (() => void)[];
}

/**
 * Whether an owner waited too long for a connection of its share, or had too many requests waiting.
 */
export const isShareExceeded = (error: unknown): boolean =>
  error instanceof Error && error.name === NAME;

/**
 * Limits each owner to a share of a pool. So an owner whose work is slow, or waits for locks, does
 * not block the others. Only calls of `connect` that return a promise are counted.
 *
 * @throws Error from `connect`, one for which `isShareExceeded` is true
 */
export const shareOut = (pool: Pool, shares: Shares): void => {
  const take = createTurns(shares);
  const connect = pool.connect.bind(pool) as () => Promise<PoolClient>;
  const connectInTurn = async (): Promise<PoolClient> => {
    const owner = shares.ownerOf();
    if (owner === undefined) return connect();
    const giveBack = await take(owner);
    try {
      const client = await connect();
      const release = client.release.bind(client);
      // The pool sets `release` anew each time that it lends a connection.
      client.release = (...args) => {
        giveBack();
        release(...args);
      };
      return client;
    } catch (error) {
      giveBack();
      throw error;
    }
  };
  Object.assign(pool, {
    connect: (callback?: Parameters<Pool['connect']>[0]) =>
      callback === undefined
        ? connectInTurn()
        : (pool.constructor.prototype as Pool).connect.call(pool, callback),
  });
};

/** A queue for each owner, first in, first out. Each owner holds at most `each` turns. */
const createTurns = ({ each, maxWaiting, waitMs }: Shares) => {
  const owners = new Map<string, Owner>();

  const giveBack = (name: string, owner: Owner): void => {
    const next = owner.waiting.shift();
    if (next !== undefined) {
      // The next waiter gets this turn, so `taken` stays the same.
      next();
      return;
    }
    owner.taken -= 1;
    if (owner.taken === 0) owners.delete(name);
  };

  const wait = (owner: Owner): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        owner.waiting.splice(owner.waiting.indexOf(go), 1);
        reject(refuse('no connection of its share has become free in time'));
      }, waitMs);
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      owner.waiting.push(go);
    });

  return async (name: string): Promise<() => void> => {
    const owner = owners.get(name) ?? { taken: 0, waiting: [] };
    owners.set(name, owner);
    if (owner.taken < each) owner.taken += 1;
    else if (owner.waiting.length >= maxWaiting) throw refuse('too many wait for its share');
    else await wait(owner);
    return () => giveBack(name, owner);
  };
};

const refuse = (message: string): Error => Object.assign(new Error(message), { name: NAME });
