import { END_TRIGGERS, RESET_SETTINGS } from '../../db/connections/connection.ts';
import { SILENT_CHUNK_MS, STEP_LOCK_MS } from '../../db/connections/timeouts.ts';

/** The inserted rows of a part are compared with the staged rows by a hash table of some 25 MB. */
const WORK_MEM = '64MB';

const SETTINGS = `
  SET LOCAL work_mem = '${WORK_MEM}';
  SET LOCAL enable_mergejoin = off;
  SET LOCAL jit = off;
  SET LOCAL lock_timeout = ${STEP_LOCK_MS};
  SET LOCAL idle_in_transaction_session_timeout = ${SILENT_CHUNK_MS};`;

/**
 * Constraints are immediate: a deferred one would report a refused user only at the end of the
 * transaction.
 */
export const BEGIN_RESTORE = `
  BEGIN ISOLATION LEVEL READ COMMITTED;${SETTINGS}
  SET CONSTRAINTS ALL IMMEDIATE;`;

/** Resets the settings that triggers have changed during a restore. */
export const RENEW_RESTORE = `${RESET_SETTINGS};${SETTINGS}`;

/** The same after deferred triggers have run, so that their effects can be checked. */
export const END_INSERT = `${END_TRIGGERS};${SETTINGS}`;
