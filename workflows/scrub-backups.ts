import { scrubBackups as scrub } from './activity-proxies.ts';

/** Checks that the files of backups are still as they were written. */
export const scrubBackups = () => scrub();
