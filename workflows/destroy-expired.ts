import { destroyExpiredExports } from './activity-proxies.ts';

/** Destroys expired files, and those that were removed but not yet destroyed. */
export const destroyExpired = () => destroyExpiredExports();
