import * as fc from 'fast-check';
import type { PoolClient } from 'pg';
import { expect, test } from 'vitest';
import { useDatabase } from '../../support/database/database.ts';
import { seedWorkspace } from '../../support/steps/deletion.ts';
import {
  histories,
  refusesStory,
  storyOf,
  writeStory,
} from '../../support/steps/deletion-history.ts';

const database = useDatabase();

const NOW = `(extract(epoch FROM now()) * 1000000)::bigint`;

const nowOf = async (client: PoolClient): Promise<number> =>
  (await client.query<{ now: number }>(`SELECT ${NOW} AS now`)).rows[0]?.now ?? 0;

/** Whether a statement raises KS008. The transaction is not changed. */
const isRefused = async (client: PoolClient, text: string, values: unknown[]): Promise<boolean> => {
  await client.query('SAVEPOINT asked');
  try {
    await client.query(text, values);
    return false;
  } catch (error) {
    if ((error as { code?: string }).code !== 'KS008') throw error;
    return true;
  } finally {
    await client.query('ROLLBACK TO asked');
  }
};

/**
 * The answers of each function of the rule, in one transaction and so at one time; and the
 * timestamps that the rule compares.
 */
const ask = async (
  client: PoolClient,
  workspaceId: string,
  { jobId, exportId }: { jobId: string; exportId: string },
  percent: number,
) => {
  await client.query('BEGIN');
  await client.query('UPDATE delete_all_settings SET percent = $1', [percent]);
  const now = await nowOf(client);
  const { rows } = await client.query<{ t: number }>(
    `SELECT (extract(epoch FROM t) * 1000000)::bigint AS t FROM unnest(deletion_moments($1)) AS t`,
    [workspaceId],
  );
  const tids = 'SELECT tids FROM export_parts WHERE export_id = $3';
  const answers = {
    admission: await isRefused(client, 'SELECT admit_deletion($1)', [exportId]),
    backup: await isRefused(client, 'SELECT refuse_deletion_by($1, 1)', [exportId]),
    exact: await isRefused(client, `SELECT refuse_nearly_everyone($1, $2, (${tids}))`, [
      workspaceId,
      jobId,
      exportId,
    ]),
    ids: await isRefused(
      client,
      `SELECT refuse_deletion_of($1, (SELECT array_agg(user_id) FROM users
        WHERE workspace_id = $1 AND ctid = ANY ((SELECT tids FROM export_parts WHERE export_id = $2)::tid[])))`,
      [workspaceId, exportId],
    ),
  };
  await client.query('ROLLBACK');
  return { now, moments: rows.map(({ t }) => t), answers };
};

let made = 0;

test('for any history, both paths of the rule in SQL give the result of the rule in plain code', async () => {
  const client = await database().owner.pool.connect();
  const seen = { refused: 0, allowed: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const workspace = await seedWorkspace(database(), `h${made++}`, 0);
        const story = storyOf(history, await nowOf(client));
        const written = await writeStory(client, workspace, story);
        const { workspaceId } = workspace;
        const { now, moments, answers } = await ask(client, workspaceId, written, story.percent);
        const refused = refusesStory(story, { moments, now, by: 'part' });
        expect(answers).toEqual({
          admission: refused,
          backup: refused,
          exact: refused,
          ids: refused,
        });
        // The rule may be stricter than a count of each single user, but never weaker.
        const isRefused = refusesStory(story, { moments, now, by: 'user' });
        expect(refused || !isRefused).toBe(true);
        seen[refused ? 'refused' : 'allowed'] += 1;
      }),
      { numRuns: 150 },
    );
  } finally {
    client.release();
  }
  expect(Math.min(seen.refused, seen.allowed)).toBeGreaterThan(20);
}, 240_000);

test('the compared timestamps are ordered, close together, within seven days, and not during an import', async () => {
  const client = await database().owner.pool.connect();
  const { workspaceId, keyId } = await seedWorkspace(database(), 'moments', 0);
  const base = await nowOf(client);
  const history = { percent: 90, groups: [], deletions: [], imports: [{ ageHours: 3, hours: 20 }] };
  const story = storyOf(history, base);
  await writeStory(client, { workspaceId, keyId }, story);
  const { rows } = await client.query<{ now: number; moments: number[] }>(
    `SELECT ${NOW} AS now, array_agg((extract(epoch FROM t) * 1000000)::float8) AS moments
       FROM unnest(deletion_moments($1)) AS t`,
    [workspaceId],
  );
  client.release();
  const { now, moments } = rows[0] ?? { now: 0, moments: [] };
  expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  const ages = moments.map((t) => now - t);
  expect(ages[0]).toBe(7 * 24 * 3_600_000_000);
  expect(ages.at(-1)).toBe(50_000);
  const [imported] = story.imports;
  expect(moments).toContain(imported?.startedAt);
  expect(moments).toContain(imported?.endedAt);
  const isInside = (t: number) => t > (imported?.startedAt ?? 0) && t < (imported?.endedAt ?? 0);
  expect(moments.filter(isInside)).toEqual([]);
  const gaps = ages.slice(1).map((age, n) => ({ from: ages[n] ?? 0, to: age }));
  const wide = gaps.filter(({ from, to }) => from / to > 1.1501);
  expect(wide).toEqual([
    { from: now - (imported?.startedAt ?? 0), to: now - (imported?.endedAt ?? 0) },
  ]);
});
