import { sql } from 'kysely';
import type { Db } from '../../db/client.ts';

/**
 * Settings that keep users' data out of PostgreSQL's log. The text or detail of an error may quote
 * a row or value, and so may errors and warnings of triggers. So none of these are logged. API and
 * worker log the SQLSTATE and the constraint of each error. Logged statements have no parameters.
 */
export const QUIET_LOG: Record<string, string> = {
  log_min_messages: 'log',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
};

/** Values that also log no errors: they log less than `log` does. */
const AS_QUIET: Record<string, readonly string[]> = { log_min_messages: ['fatal', 'panic'] };

/**
 * A line that says which settings a given server lacks, and how a superuser sets them. Undefined if
 * the server keeps users' data out of its log.
 */
export const findLoudLog = async (db: Db): Promise<string | undefined> => {
  const names = Object.keys(QUIET_LOG);
  const { rows } = await sql<{ name: string; value: string; database: string }>`
    SELECT name, current_setting(name) AS value, quote_ident(current_database()) AS database
      FROM unnest(${names}::text[]) AS name`.execute(db);
  const loud = rows.filter(
    ({ name, value }) => value !== QUIET_LOG[name] && !AS_QUIET[name]?.includes(value),
  );
  const [first] = loud;
  if (first === undefined) return undefined;
  const statements = loud.map(
    ({ name }) => `ALTER DATABASE ${first.database} SET ${name} = ${QUIET_LOG[name]};`,
  );
  return (
    "DATABASE_URL: the log of this PostgreSQL may hold users' data. As a superuser, run: " +
    statements.join(' ')
  );
};
