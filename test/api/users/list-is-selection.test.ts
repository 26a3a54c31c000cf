import * as fc from 'fast-check';
import { sql } from 'kysely';
import { beforeAll, expect, test } from 'vitest';
import { createApiKey } from '../../../db/api-keys.ts';
import { claimJob } from '../../../db/jobs/job-runs.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import type { Filter } from '../../../selection/filter.ts';
import { filterArbitrary, MAILS, TEXTS, TYPES, userArbitrary } from '../../support/arbitraries.ts';
import { createDeletionSteps, type DeletionSteps } from '../../support/steps/deletion.ts';
import { useApi } from '../support.ts';

/** For any query, the same users are listed, counted, previewed, exported and deleted. */

const USERS = 40;
const QUERIES = 40;
/** The seed of users and queries. To repeat a failure, set FC_SEED to its seed. */
const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);
console.info(`FC_SEED=${seed}`);

const api = useApi();
let steps: DeletionSteps;

const users = fc
  .sample(userArbitrary, { numRuns: USERS, seed })
  .map((user, index) => ({ ...user, userId: `user-${index}` }));

interface Query {
  q?: string;
  segment?: Filter;
  filter?: Filter;
  excludeIds?: string[];
}

const searchArbitrary = fc
  .tuple(
    fc.constantFrom('user-1', 'USER', '4930', '+49 (30)', ...TEXTS, ...MAILS),
    fc.integer({ min: 1, max: 8 }),
  )
  .map(([text, length]) => Array.from(text).slice(0, length).join(''));
/** The URL of the list holds the filter. */
const shortFilter = filterArbitrary.filter((filter) => JSON.stringify(filter).length < 5_000);

const queryArbitrary: fc.Arbitrary<Query> = fc
  .record(
    {
      q: searchArbitrary,
      segment: shortFilter,
      filter: shortFilter,
      excludeIds: fc.subarray(['user-1', 'user-2', 'user-30', 'not there'], { minLength: 1 }),
    },
    { requiredKeys: [] },
  )
  .filter(({ q, segment, filter }) => (q ?? segment ?? filter) !== undefined);

const addWorkspace = async (id: string): Promise<string> => {
  const { db } = api().database.owner;
  await createWorkspace(db, { id, name: id });
  const admin = { role: 'admin', ownerName: 'Ada', ownerEmail: 'ada@example.com' } as const;
  const { key } = await createApiKey(db, { ...admin, workspaceId: id });
  await sql`INSERT INTO properties (workspace_id, name, type)
    SELECT ${id}, p.key, p.value FROM jsonb_each_text(
      ${JSON.stringify(Object.fromEntries(TYPES))}::jsonb) p`.execute(db);
  const rows = users.map(({ userId, system, properties }) => ({
    ...system,
    userId,
    properties: `{${Object.entries(properties)
      .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
      .join(',')}}`,
  }));
  await sql`
    INSERT INTO users (workspace_id, user_id, first_name, email, phone, dob, email_optin, tags, legal_hold,
                       created_at, properties)
    SELECT ${id}, r."userId", r."firstName", r.email, r.phone, r.dob, r."emailOptin", r.tags,
           r."legalHold", r."createdAt", r.properties::jsonb
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r(
        "userId" text, "firstName" text, email text, phone text, dob date, "emailOptin" boolean, tags text[],
        "legalHold" boolean, "createdAt" timestamptz, properties text)`.execute(db);
  return key;
};

const idsOf = async (workspaceId: string): Promise<string[]> => {
  const { rows } = await sql<{ id: string }>`
    SELECT user_id AS id FROM users WHERE workspace_id = ${workspaceId}`.execute(
    api().database.owner.db,
  );
  return rows.map(({ id }) => id).toSorted();
};

/** Runs the steps of a deletion, as the worker does. */
const remove = async (jobId: string) => {
  await claimJob(steps.deps.database.db, jobId, 'test-run');
  const backup = await steps.backUp(jobId);
  await steps.remove(jobId, backup.exportId);
  await steps.settle(jobId, 1, true);
  const { counts } = await steps.finish({ jobId, end: { kind: 'completed' } });
  return { backup, counts };
};

beforeAll(async () => {
  steps = await createDeletionSteps(api().database);
});

test('for any query, the listed users are the users that are previewed, exported and deleted', async () => {
  const sizes = new Set<number>();
  let runs = 0;
  const run = async ({ q, segment, filter, excludeIds }: Query): Promise<void> => {
    const workspace = `w${++runs}`;
    const key = await addWorkspace(workspace);
    const call = async (url: string, body?: unknown) => {
      const answer = await api().call(body === undefined ? 'GET' : 'POST', url, { key, body });
      expect([200, 201, 202]).toContain(answer.status);
      return answer.body;
    };
    const saved = segment && (await call('/v1/segments', { name: 'Any', filter: segment }));
    const query = { q, segmentId: saved?.id as string | undefined };
    const given = Object.entries({ ...query, filter: filter && JSON.stringify(filter) });
    const params = new URLSearchParams(
      given.filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
    const listed = await call(`/v1/users?limit=200&count=exact&${params.toString()}`);
    const wanted = listed.data.filter(
      (user: { userId: string }) => !excludeIds?.includes(user.userId),
    );
    expect(listed.count).toBe(listed.data.length);
    sizes.add(wanted.length);

    const selection = { type: 'query', ...query, filter, excludeIds };
    const preview = await call('/v1/deletion-previews', { selection });
    expect(preview.count).toBe(wanted.length);
    expect(preview.sample).toEqual(wanted);

    const exported = await call('/v1/exports', { selection });
    await claimJob(steps.deps.database.db, exported.id, 'test-run');
    expect(await steps.write(exported.id)).toMatchObject({ rows: wanted.length });
    if (wanted.length === 0) return;

    // A segment is frozen: this change has no effect.
    if (saved !== undefined) {
      const other = { field: 'userId', op: 'isKnown' };
      await api().call('PATCH', `/v1/segments/${saved.id}`, { key, body: { filter: other } });
    }
    const confirm = { count: preview.count };
    const job = await call('/v1/deletions', { previewId: preview.id, confirm, reason: 'r' });
    const { backup, counts } = await remove(job.id);
    expect(backup.rows).toBe(wanted.length);
    expect(counts['deleted']).toBe(wanted.length - preview.held);
    const summary = await call(`/v1/deletions/${job.id}/records/summary`);
    const sums = summary.data.map((entry: { count: number }) => entry.count);
    expect(sums.reduce((sum: number, each: number) => sum + each, 0)).toBe(counts['selected']);
    const gone = new Set(
      wanted
        .filter(({ legalHold }: { legalHold: boolean }) => !legalHold)
        .map(({ userId }: { userId: string }) => userId),
    );
    const left = users.map(({ userId }) => userId).filter((id) => !gone.has(id));
    expect(await idsOf(workspace)).toEqual(left.toSorted());
  };
  await fc.assert(fc.asyncProperty(queryArbitrary, run), { numRuns: QUERIES, seed });
  // Queries that match no user, or all users, would prove little.
  expect(sizes.size).toBeGreaterThan(4);
}, 300_000);
