import { Client } from 'pg';
import { API_ROLE, WORKER_ROLE } from '../../../db/roles.ts';
import { migrateToLatest } from '../../../db/migrate.ts';

/** A member of both roles, for tests that are not about roles. */
export const BOTH_ROLES = 'keepsake_test_both';

/** Brings a database up to date, and adds the tests' role. */
export const migrateForTests = async (url: string): Promise<void> => {
  await migrateToLatest(url);
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [BOTH_ROLES]);
  if (rowCount === 0) await client.query(`CREATE ROLE ${BOTH_ROLES}`);
  await client.query(`GRANT ${API_ROLE}, ${WORKER_ROLE} TO ${BOTH_ROLES}`);
  await client.query(`GRANT ${BOTH_ROLES} TO CURRENT_USER`);
  await client.end();
};
