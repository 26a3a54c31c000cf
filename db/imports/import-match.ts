import type { PoolClient } from 'pg';
import { escapeLiteral } from 'pg';
import { folded } from './import-changes.ts';
import { usersTableOf } from '../workspaces.ts';

/** The user that an email address belongs to, or why there is no single one. */
export type MailMatch = { userId: string } | { why: 'unknownUser' | 'ambiguousUser' };

/**
 * Without statistics, as in a table that was just filled, PostgreSQL would read the whole table for
 * each address.
 */
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
  SET LOCAL enable_seqscan = off;
  SET LOCAL jit = off`;

/**
 * Looks up users by their email addresses, case-insensitively, each by the index `users_email`.
 * Results are in the order of `mails`.
 */
export const matchMails = async (
  client: PoolClient,
  workspaceId: string,
  mails: readonly string[],
): Promise<MailMatch[]> => {
  const users = usersTableOf(workspaceId);
  await client.query(BEGIN);
  const { rows } = await client.query<{ ids: string[] }>(
    `SELECT found.ids FROM unnest($1::text[]) WITH ORDINALITY AS given (mail, place)
      CROSS JOIN LATERAL (SELECT coalesce(array_agg(user_id), '{}') AS ids FROM (
        SELECT o.user_id FROM ${users} AS o
         WHERE o.workspace_id = ${escapeLiteral(workspaceId)} AND ${folded('o.email')} = ${folded('given.mail')}
         LIMIT 2) AS two) AS found
      ORDER BY place`,
    [mails],
  );
  await client.query('COMMIT');
  return rows.map(({ ids }) => toMatch(ids));
};

const toMatch = ([userId, other]: readonly string[]): MailMatch => {
  if (userId === undefined) return { why: 'unknownUser' };
  return other === undefined ? { userId } : { why: 'ambiguousUser' };
};
