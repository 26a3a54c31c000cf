import { destroyExpiredExports } from './steps.ts';

/** Destroys what has expired, and finishes what was removed and not destroyed. */
export const destroyExpired = () => destroyExpiredExports();
