import type pg from 'pg';
import type { ImportSteps } from '../steps/import.ts';

/**
 * Calls `act` once, just before the import's first statement that starts with `beginning`.
 *
 * @returns a function that restores the pool
 */
export const waylay = (
  { deps }: Pick<ImportSteps, 'deps'>,
  beginning: string,
  act: () => Promise<unknown>,
): (() => void) => {
  const { lanes } = deps;
  let isDone = false;
  const connect = async (): Promise<pg.PoolClient> => {
    const client = await lanes.connect();
    const send = client.query.bind(client) as (...args: unknown[]) => unknown;
    const waylaid = async (...args: unknown[]): Promise<unknown> => {
      if (!isDone && typeof args[0] === 'string' && args[0].trimStart().startsWith(beginning)) {
        isDone = true;
        await act();
      }
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
