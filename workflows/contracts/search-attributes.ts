import { defineSearchAttributeKey, type SearchAttributeType } from '@temporalio/common';

/**
 * Search attributes, by name and type. The worker registers missing ones. A name that is not
 * registered would block each workflow that uses it.
 */
export const SEARCH_ATTRIBUTES = {
  KeepsakeJob: 'KEYWORD',
  KeepsakePhase: 'KEYWORD',
  KeepsakeWorkspace: 'KEYWORD',
  KeepsakeFailures: 'INT',
  KeepsakeWindowClosesAt: 'DATETIME',
} as const satisfies Record<string, SearchAttributeType>;

const keyOf = <Name extends keyof typeof SEARCH_ATTRIBUTES>(name: Name) =>
  defineSearchAttributeKey(name, SEARCH_ATTRIBUTES[name]);

/** The type of the job, or of another workflow. */
export const JOB_ATTRIBUTE = keyOf('KeepsakeJob');
export const PHASE_ATTRIBUTE = keyOf('KeepsakePhase');
export const WORKSPACE_ATTRIBUTE = keyOf('KeepsakeWorkspace');
export const FAILURES_ATTRIBUTE = keyOf('KeepsakeFailures');
export const WINDOW_ATTRIBUTE = keyOf('KeepsakeWindowClosesAt');
