import { destroyExpiredExports, scrubBackups as scrub } from './activity-proxies.ts';

/** Destroys expired files, and those that were removed but not yet destroyed. */
export const destroyExpired = () => destroyExpiredExports();

/** Checks that the files of backups are still as they were written. */
export const scrubBackups = () => scrub();
