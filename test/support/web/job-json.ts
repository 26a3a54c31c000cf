import type { Job, Phase, PhaseRun } from '../../../web/jobs/job.ts';

const BEGIN = Date.parse('2026-11-30T12:00:00Z');

/** A time so many seconds after the begin of the test's job. */
export const at = (seconds: number): string => new Date(BEGIN + seconds * 1_000).toISOString();
export const atMs = (seconds: number): number => BEGIN + seconds * 1_000;

/** A running deletion, as the API answers it, with other values. */
export const jobJson = (values: Partial<Job> = {}): Job => ({
  id: '01a22a61-a326-7fc5-9e43-d95e0c0056d6',
  workspace: 'acme',
  type: 'deletion',
  state: 'running',
  phase: 'deleting',
  selection: { type: 'segment', segmentId: '01a22a61', segmentName: 'Churned 2024' },
  actor: { id: 'c1573ba4-2c01-8174-bde0-3566c37da56a', role: 'admin', ownerName: 'Ada' },
  reason: 'Churned',
  notify: true,
  createdAt: at(0),
  startedAt: at(0),
  finishedAt: null,
  progress: { pass: 1, total: 12_400, processed: 0, ratePerSecond: null, etaSeconds: null },
  phases: [],
  counts: null,
  reasons: null,
  requestId: null,
  retryOf: null,
  retriedBy: null,
  parent: null,
  result: null,
  erasedAt: null,
  error: null,
  mail: [],
  links: {},
  workflow: { id: 'delete/01a22a61', runId: null, uiUrl: null },
  ...values,
});

/** A phase of a job; it runs still if it has no end. */
export const phaseRun = (
  phase: Phase,
  [from, to]: readonly [number, number?],
  values: Partial<PhaseRun> = {},
): PhaseRun => ({
  phase,
  pass: 1,
  startedAt: at(from),
  finishedAt: to === undefined ? null : at(to),
  total: 12_400,
  processed: to === undefined ? 0 : 12_400,
  ...values,
});

/** The counts of a deletion; `selected` is their sum. */
export const deletionCounts = (values: Partial<Record<string, number>> = {}) => {
  const counts = {
    deleted: 0,
    changedSinceBackup: 0,
    notFound: 0,
    held: 0,
    failed: 0,
    unprocessed: 0,
    ...values,
  };
  return { selected: Object.values(counts).reduce((sum, one) => sum + (one ?? 0), 0), ...counts };
};
