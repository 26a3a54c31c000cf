import { scrubBackups as scrub } from './steps.ts';

/** Looks whether the files of backups are still what was written. */
export const scrubBackups = () => scrub();
