import type { Pool, PoolClient } from 'pg';

/** How the connections of a pool are shared out. */
export interface Shares {
  /**
   * Whose the work is that asks for a connection; undefined where it is nobody's, and is not
   * counted.
   */
  ownerOf: () => string | undefined;
  /** Connections that one owner may have at a time. */
  each: number;
  /** Requests of one owner for a connection that wait. */
  maxWaiting: number;
  /** Longest wait, in milliseconds. */
  waitMs: number;
}

const NAME = 'ShareExceeded';

/** Whether somebody had as many connections as they may, for too long. */
export const isShareExceeded = (error: unknown): boolean =>
  error instanceof Error && error.name === NAME;

const refuse = (message: string): Error => Object.assign(new Error(message), { name: NAME });

interface Owner {
  taken: number;
  waiting: (() => void)[];
}

/** Turns of owners, each with as many at a time as one may have; who comes first is first. */
const createTurns = ({ each, maxWaiting, waitMs }: Shares) => {
  const owners = new Map<string, Owner>();

  const giveBack = (name: string, owner: Owner): void => {
    const next = owner.waiting.shift();
    if (next !== undefined) {
      // The turn is handed on.
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

/**
 * Lets nobody have more than a share of a pool, so that one who is slow, or waits for locks, holds
 * up nobody else. Only what asks by a promise is counted.
 *
 * @throws Error that `isShareExceeded` knows, from `connect`
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
      // The pool sets it anew each time that it lends the connection.
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
