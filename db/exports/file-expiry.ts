import { sql } from 'kysely';

/** Whether an export's file was removed or has expired. A file under legal hold does not expire. */
export const isFileOver = sql<boolean>`(exports.state = 'removed'
  OR (exports.expires_at <= now() AND NOT exports.legal_hold))`;
