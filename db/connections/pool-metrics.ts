import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';

/** Pools by the names that metrics show. */
export type NamedPools = Readonly<
  Record<string, Pick<Pool, 'totalCount' | 'idleCount' | 'waitingCount'>>
>;

/** Registers a gauge of each pool's used and idle connections, and of the requests that wait. */
export const watchPools = (registry: Registry, pools: NamedPools): void => {
  const gauge = new Gauge({
    name: 'keepsake_database_connections',
    help: 'Connections of this process to PostgreSQL, by pool and state: used or idle; waiting counts requests for a connection',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect: () => {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
        gauge.set({ pool, state: 'used' }, totalCount - idleCount);
        gauge.set({ pool, state: 'idle' }, idleCount);
        gauge.set({ pool, state: 'waiting' }, waitingCount);
      }
    },
  });
};
