import * as fc from 'fast-check';
import type { PoolClient } from 'pg';
import { uuidv7 } from 'uuidv7';

/**
 * Histories of deletions that are written straight into the tables, and the nearly-everyone rule in
 * plain code.
 */

const HOUR_US = 3_600_000_000;

/**
 * Users of one age. For each user: the deletion that took the user, and whether the user is
 * selected.
 */
interface Group {
  ageHours: number;
  /** For each user: the index of the deletion that took the user, if any. */
  takenBy: number[];
  isSelected: boolean[];
  /** Whether a running deletion is about to delete the user. */
  isPending: boolean[];
}

interface Deletion {
  ageHours: number;
  isApproved: boolean;
  hasEnded: boolean;
  /** Age in hours of the restore of all users that the deletion took; null without a restore. */
  restoredHours: number | null;
}

export interface History {
  percent: number;
  groups: Group[];
  deletions: Deletion[];
  imports: { ageHours: number; hours: number }[];
}

const MAX_GROUP = 60;
/** The default of the settings. */
const LEAST_USERS = 75;
/** Some ages exceed the rule's memory of seven days. */
const ages = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constantFrom(1, 2, 3, 24, 100));

const groups = fc.integer({ min: 1, max: MAX_GROUP }).chain((users) => {
  const each = <T>(value: fc.Arbitrary<T>) =>
    fc.array(value, { minLength: users, maxLength: users });
  return fc.record({
    ageHours: ages,
    takenBy: each(fc.integer({ min: -2, max: 2 })),
    isSelected: fc.oneof(each(fc.constant(true)), each(fc.boolean())),
    isPending: fc.oneof(each(fc.constant(false)), each(fc.boolean())),
  });
});

/** Small ones come more often: so the rule refuses more than a third of all histories. */
const percents = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(50, 80) },
  { weight: 3, arbitrary: fc.constantFrom(90, 99.5, 100) },
);

export const histories: fc.Arbitrary<History> = fc.record({
  percent: percents,
  groups: fc.array(groups, { minLength: 1, maxLength: 6 }),
  deletions: fc.array(
    fc.record({
      ageHours: ages,
      isApproved: fc.boolean(),
      hasEnded: fc.boolean(),
      restoredHours: fc.option(fc.integer({ min: 0, max: 200 })),
    }),
    { maxLength: 3 },
  ),
  imports: fc.array(fc.record({ ageHours: ages, hours: fc.integer({ min: 1, max: 48 }) }), {
    maxLength: 2,
  }),
});

/** Times in microseconds since 1970, as PostgreSQL stores them. */
interface User {
  id: string;
  createdAt: number;
  arrivedAt: number;
  isSelected: boolean;
  isPending: boolean;
  takenBy: number | undefined;
  isThere: boolean;
}

/** A history with absolute times. */
export interface Story {
  percent: number;
  users: User[];
  deletions: (Deletion & { at: number; restoredAt: number | null })[];
  imports: { startedAt: number; endedAt: number }[];
}

const MEMORY_US = 7 * 24 * HOUR_US;

/** Half hours keep all times away from the limit of the memory. */
export const storyOf = ({ percent, groups: aged, ...history }: History, now: number): Story => {
  const ago = (hours: number, more = 0) => now - (hours + 0.5) * HOUR_US - more;
  const deletions = history.deletions.map((deletion) => ({
    ...deletion,
    at: ago(deletion.ageHours),
    restoredAt: deletion.restoredHours === null ? null : ago(deletion.restoredHours, 7),
  }));
  const users = aged.flatMap((group, g) =>
    group.takenBy.map((index, n): User => {
      const taker = deletions[index];
      const restoredAt = taker?.restoredAt ?? null;
      const createdAt = ago(group.ageHours, 1_000 + g);
      const isLate =
        taker !== undefined &&
        restoredAt !== null &&
        !isCounted(taker, now) &&
        restoredAt >= now - MEMORY_US;
      return {
        id: `g${g}-${n}`,
        createdAt,
        arrivedAt: isLate ? (restoredAt ?? createdAt) : createdAt,
        isSelected: group.isSelected[n] ?? false,
        isPending: group.isPending[n] ?? false,
        takenBy: taker === undefined ? undefined : index,
        isThere: taker === undefined || restoredAt !== null,
      };
    }),
  );
  const imports = history.imports.map(({ ageHours, hours }) => ({
    startedAt: ago(ageHours + hours),
    endedAt: ago(ageHours),
  }));
  return { percent, users, deletions, imports };
};

/**
 * The rule at some timestamps and now, user by user. `by: 'part'` counts all users of a deletion
 * from the arrival of its oldest user on, as the database does; `by: 'user'` counts each user from
 * its own arrival on.
 */
export const refusesStory = (
  { percent, users, deletions }: Story,
  { moments, now, by }: { moments: readonly number[]; now: number; by: 'part' | 'user' },
): boolean => {
  const takenAt = (t: number, isNow: boolean): number =>
    deletions.reduce((sum, deletion, index) => {
      const { hasEnded, at, restoredAt } = deletion;
      const isSince = !hasEnded || (!isNow && at >= t);
      if (!isCounted(deletion, now) || !isSince || restoredAt !== null) return sum;
      const taken = users.filter(({ takenBy }) => takenBy === index);
      const old = taken.filter(({ createdAt }) => createdAt < t);
      if (old.length === 0) return sum;
      return sum + (by === 'part' ? taken.length : old.length);
    }, 0);
  return [...moments, Infinity].some((t) => {
    const there = users.filter(({ isThere, arrivedAt }) => isThere && arrivedAt < t);
    const going = there.filter(({ isSelected, isPending }) => isSelected || isPending);
    const taken = takenAt(t, t === Infinity);
    const base = there.length + taken;
    return base >= LEAST_USERS && going.length > 0 && (taken + going.length) * 100 > percent * base;
  });
};

/**
 * Writes a history as the owner.
 *
 * @returns the job and the backup of the selected users
 */
export const writeStory = async (
  client: PoolClient,
  workspace: { workspaceId: string; keyId: string },
  { users, deletions, imports }: Story,
) => {
  const { workspaceId } = workspace;
  await writeUsers(
    client,
    workspaceId,
    users.filter(({ takenBy }) => takenBy === undefined),
  );
  let rowsSoFar = 0;
  const admit = async (
    { jobId, exportId }: { jobId: string; exportId: string },
    { rows, isApproved, time }: { rows: number; isApproved: boolean; time: number },
  ) => {
    rowsSoFar += isApproved ? 0 : rows;
    await client.query(
      `INSERT INTO admitted_deletions VALUES ($1, 1, $2, $3, $4, $5, $6, ${at('$7::bigint')})`,
      [exportId, jobId, workspaceId, isApproved, rows, rowsSoFar, time],
    );
  };
  const inOrder = deletions.map((deletion, index) => ({ ...deletion, index }));
  for (const { index, ...deletion } of inOrder.toSorted((a, b) => a.at - b.at)) {
    const taken = users.filter(({ takenBy }) => takenBy === index);
    const { hasEnded, isApproved, restoredAt } = deletion;
    const made = await writeDeletion(client, workspace, { taken, held: [], hasEnded });
    await admit(made, { rows: taken.length, isApproved, time: deletion.at });
    if (restoredAt === null) continue;
    await writeRestore(client, workspace, { exportId: made.exportId, users: taken, restoredAt });
  }
  await writeImports(client, workspace, imports);
  const there = users.filter(({ isThere }) => isThere);
  const pending = there.filter(({ isPending }) => isPending);
  if (pending.length > 0) {
    const made = await writeDeletion(client, workspace, {
      taken: [],
      held: pending,
      hasEnded: false,
    });
    const { rows } = await client.query<{ now: number }>(
      `SELECT (extract(epoch FROM now()) * 1000000)::bigint AS now`,
    );
    await admit(made, { rows: pending.length, isApproved: false, time: rows[0]?.now ?? 0 });
  }
  const selected = there.filter(({ isSelected }) => isSelected);
  return writeDeletion(client, workspace, { taken: [], held: selected, hasEnded: false });
};

const at = (parameter: string) => `'epoch'::timestamptz + ${parameter} * interval '1 microsecond'`;

const isCounted = (
  { isApproved, hasEnded, at }: Story['deletions'][number],
  now: number,
): boolean => !isApproved && (!hasEnded || at >= now - MEMORY_US);

const writeUsers = (client: PoolClient, workspaceId: string, users: readonly User[]) =>
  client.query(
    `INSERT INTO users (workspace_id, user_id, created_at)
     SELECT $1, id, ${at('created')} FROM unnest($2::text[], $3::bigint[]) AS u (id, created)`,
    [workspaceId, users.map(({ id }) => id), users.map(({ createdAt }) => createdAt)],
  );

/** Writes a job and its backup, with one part that holds these users, as far as they exist. */
const writeDeletion = async (
  client: PoolClient,
  { workspaceId, keyId }: { workspaceId: string; keyId: string },
  { taken, held, hasEnded }: { taken: User[]; held: User[]; hasEnded: boolean },
) => {
  const [jobId, exportId] = [uuidv7(), uuidv7()];
  await client.query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, finished_at)
     VALUES ($1, $2, 'deletion', 'running', '{"type":"ids"}', $3, CASE WHEN $4 THEN now() END)`,
    [jobId, workspaceId, keyId, hasEnded],
  );
  await client.query(
    `INSERT INTO exports (id, job_id, workspace_id, purpose, pass, compression, state, attempt, rows, expires_at)
     VALUES ($1, $2, $3, 'backup', 1, 'zstd', 'verified', 1, $4, now() + interval '1 day')`,
    [exportId, jobId, workspaceId, taken.length + held.length],
  );
  await client.query(`INSERT INTO export_attempts VALUES ($1, 1, '1:1:', 'none')`, [exportId]);
  const oldest = taken.length === 0 ? null : Math.min(...taken.map(({ createdAt }) => createdAt));
  await client.query(
    `INSERT INTO export_parts
       (export_id, attempt, part, rows, raw_bytes, bytes, sha256, tids, cursor, deleted, oldest_deleted)
     VALUES ($1, 1, 1, $2 + $3::int, 1, 1, '', CASE WHEN $2 = 0 THEN ARRAY(SELECT ctid FROM users
       WHERE workspace_id = $4 AND user_id = ANY ($5)) ELSE '{}' END, $2, $2, ${at('$6::bigint')})`,
    [exportId, taken.length, held.length, workspaceId, held.map(({ id }) => id), oldest],
  );
  return { jobId, exportId };
};

const writeRestore = async (
  client: PoolClient,
  { workspaceId, keyId }: { workspaceId: string; keyId: string },
  { exportId, users, restoredAt }: { exportId: string; users: User[]; restoredAt: number },
) => {
  const jobId = uuidv7();
  // One transaction, as for a chunk of a restore: its users carry its id.
  await client.query('BEGIN');
  await client.query(
    `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, backup_id, finished_at)
     VALUES ($1, $2, 'restore', 'succeeded', '{"type":"all"}', $3, $4, now())`,
    [jobId, workspaceId, keyId, exportId],
  );
  await writeUsers(client, workspaceId, users);
  await client.query(
    `INSERT INTO restore_chunks (job_id, part, restored, present, restored_ids, committed_at)
     VALUES ($1, 1, $2, 0, '{}', ${at('$3::bigint')})`,
    [jobId, users.length, restoredAt],
  );
  await client.query('COMMIT');
};

const writeImports = async (
  client: PoolClient,
  { workspaceId, keyId }: { workspaceId: string; keyId: string },
  imports: Story['imports'],
) => {
  for (const { startedAt, endedAt } of imports) {
    const [jobId, fileId] = [uuidv7(), uuidv7()];
    await client.query(
      `INSERT INTO import_files (id, workspace_id, bytes, sha256, expires_at)
       VALUES ($1, $2, 1, '', now() + interval '1 day')`,
      [fileId, workspaceId],
    );
    await client.query(
      `INSERT INTO jobs (id, workspace_id, type, state, selection, actor_key_id, import_file_id,
         started_at, finished_at)
       VALUES ($1, $2, 'import', 'succeeded', '{}', $3, $4, ${at('$5::bigint')}, ${at('$6::bigint')})`,
      [jobId, workspaceId, keyId, fileId, startedAt, endedAt],
    );
  }
};
