import { RESET_SETTINGS } from '../../db/connections/connection.ts';

/** Longest wait for a lock before the chunk is given up and tried again, in milliseconds. */
const LOCK_TIMEOUT_MS = 30_000;
/**
 * Silence of this worker after which PostgreSQL takes the chunk back: others may wait for its
 * locks.
 */
const IDLE_TIMEOUT_MS = 30_000;

/** What was inserted of a part is compared with what was staged of it by a hash of some 25 MB. */
const WORK_MEM = '64MB';

const SETTINGS = `
  SET LOCAL work_mem = '${WORK_MEM}';
  SET LOCAL enable_mergejoin = off;
  SET LOCAL jit = off;
  SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
  SET LOCAL idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS};`;

/** Checks that wait for the end of a transaction would say too late which user they refuse. */
export const BEGIN_RESTORE = `
  BEGIN ISOLATION LEVEL READ COMMITTED;${SETTINGS}
  SET CONSTRAINTS ALL IMMEDIATE;`;

/** Takes back what triggers of others have set, once they have run within a restore. */
export const RENEW_RESTORE = `${RESET_SETTINGS};${SETTINGS}`;

/**
 * Does at once what a trigger has put off to the end of the transaction, to see what comes of it.
 */
export const DO_ALL_NOW = 'SET CONSTRAINTS ALL IMMEDIATE;';
