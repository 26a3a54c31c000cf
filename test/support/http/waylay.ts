import type pg from 'pg';
import type { ImportSteps } from '../steps/import.ts';

/**
 * Calls `act` once, just before the import's first statement that starts with `beginning`, or
 * before a later one of these statements: `skipped` is their number before it.
 *
 * @returns a function that restores the pool
 */
export const waylay = (
  { deps }: Pick<ImportSteps, 'deps'>,
  beginning: string,
  act: () => Promise<unknown>,
  skipped = 0,
): (() => void) => {
  const { lanes } = deps;
  let seen = 0;
  const connect = async (): Promise<pg.PoolClient> => {
    const client = await lanes.connect();
    const send = client.query.bind(client) as (...args: unknown[]) => unknown;
    const waylaid = async (...args: unknown[]): Promise<unknown> => {
      const isMatch = typeof args[0] === 'string' && args[0].trimStart().startsWith(beginning);
      if (isMatch && seen++ === skipped) await act();
      return send(...args);
    };
    // COPY passes in a stream and needs it back at once.
    const either = (...args: unknown[]) =>
      typeof args[0] === 'string' ? waylaid(...args) : send(...args);
    return Object.assign(client, { query: either });
  };
  deps.lanes = new Proxy(lanes, {
    get: (pool, key) => (key === 'connect' ? connect : Reflect.get(pool, key, pool)),
  });
  return () => void (deps.lanes = lanes);
};
