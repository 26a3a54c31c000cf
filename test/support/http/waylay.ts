import type pg from 'pg';
import type { ImportSteps } from '../steps/import.ts';

/**
 * Runs what another does just before the import's first statement that begins so; ended by the
 * answer.
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
    // COPY hands in a stream, and wants it back at once.
    const either = (...args: unknown[]) =>
      typeof args[0] === 'string' ? waylaid(...args) : send(...args);
    return Object.assign(client, { query: either });
  };
  deps.lanes = new Proxy(lanes, {
    get: (pool, key) => (key === 'connect' ? connect : Reflect.get(pool, key, pool)),
  });
  return () => void (deps.lanes = lanes);
};
