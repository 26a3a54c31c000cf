import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { CONNECTION_CHECK_MS } from '../../db/connections/read-until.ts';
import { isContended, isDatabaseAway } from '../../db/connections/sql-states.ts';
import type { ApiDeps } from '../deps.ts';
import {
  COUNT_DEADLINE_MS,
  MAX_COUNTS_AT_ONCE,
  MAX_COUNTS_OF_WORKSPACE,
  MAX_WAITING_COUNTS,
  MAX_WAITING_COUNTS_OF_WORKSPACE,
} from '../http/limits.ts';
import { whileRead } from '../while-read.ts';
import { createCountTurns } from './count-turns.ts';

/** An aborted count may still run for this long in PostgreSQL, in milliseconds. */
const END_OF_ABORTED_MS = 2 * CONNECTION_CHECK_MS;

/** A turn of a count: its connections, and its limits. */
export interface CountTurn {
  pool: Pool;
  /** How long PostgreSQL itself may count, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Counts users for a response. Null if the count takes longer than the deadline, including the wait
 * for its turn, if the reader closes its connection, if the database cannot be reached, or if other
 * work is in the way.
 */
export type CountInTurn = <T>(
  workspaceId: string,
  response: ServerResponse,
  count: (turn: CountTurn) => Promise<T | undefined>,
) => Promise<T | null>;

/** Counts of all requests share a few turns, so that they never use up the connections. */
export const createCountInTurn = ({ database, counts = database }: ApiDeps): CountInTurn => {
  const takeTurn = createCountTurns({
    all: MAX_COUNTS_AT_ONCE,
    each: MAX_COUNTS_OF_WORKSPACE,
    maxWaiting: MAX_WAITING_COUNTS,
    maxWaitingOfEach: MAX_WAITING_COUNTS_OF_WORKSPACE,
  });
  return (workspaceId, response, count) =>
    whileRead(response, async (left) => {
      const deadline = AbortSignal.timeout(COUNT_DEADLINE_MS);
      const signal = AbortSignal.any([left, deadline]);
      try {
        const endTurn = await takeTurn(workspaceId, signal);
        if (endTurn === undefined) return null;
        try {
          return (await count({ pool: counts.pool, timeoutMs: COUNT_DEADLINE_MS, signal })) ?? null;
        } finally {
          if (signal.aborted) void sleep(END_OF_ABORTED_MS).then(endTurn);
          else endTurn();
        }
      } catch (error) {
        // The other parts of the answer are better without the count than not shown.
        if (!isDatabaseAway(error) && !isContended(error)) throw error;
        return null;
      }
    });
};
