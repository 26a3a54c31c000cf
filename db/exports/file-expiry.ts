import { sql } from 'kysely';

/** Whether an export's file is gone, or about to be; a held one stays past its time. */
export const isFileOver = sql<boolean>`(exports.state = 'removed'
  OR (exports.expires_at <= now() AND NOT exports.legal_hold))`;
