import type { Pool } from 'pg';
import { Gauge, type Registry } from 'prom-client';

/** Pools by their names, as people are told them. */
export type NamedPools = Readonly<
  Record<string, Pick<Pool, 'totalCount' | 'idleCount' | 'waitingCount'>>
>;

/**
 * Tells how many connections of each pool are lent, how many are free, and how many requests wait
 * for one.
 */
export const watchPools = (registry: Registry, pools: NamedPools): void => {
  const gauge = new Gauge({
    name: 'keepsake_database_connections',
    help: 'Connections to PostgreSQL of this process, by pool: used, idle; waiting are requests for one',
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
