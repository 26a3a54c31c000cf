import type { TestDatabase } from './database.ts';

/**
 * The SQLSTATE with which PostgreSQL refuses a statement of a role; undefined if the statement is
 * accepted. The statement is rolled back.
 */
export const refusalCode = async (
  database: TestDatabase,
  role: 'api' | 'worker',
  text: string,
): Promise<string | undefined> => {
  const client = await database[role].pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(text);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
};
