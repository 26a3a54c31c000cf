import type { UserRecord } from '../../db/jobs/outcomes.ts';

/** The outcomes of users by type of job; the successful outcome comes first. */
export const OUTCOMES = {
  deletion: ['deleted', 'changedSinceBackup', 'notFound', 'held', 'failed', 'unprocessed'],
  restore: ['restored', 'present', 'notFound', 'failed', 'unprocessed'],
} as const;

/** A type of job that has an outcome for each of its users. */
export type RecordedType = keyof typeof OUTCOMES;
export const RECORDED_TYPES = Object.keys(OUTCOMES) as RecordedType[];

export type RecordOutcome = UserRecord['outcome'];
