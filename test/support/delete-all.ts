import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { createClaimRequest, createDecideRequest } from '../../activities/decide-request.ts';
import { createApiKey } from '../../db/api-keys.ts';
import { insertPending } from '../../db/decisions.ts';
import { findRequest, insertRequest } from '../../db/delete-all-requests.ts';
import type { Role } from '../../db/schema.ts';
import { createWorkspace } from '../../db/workspaces.ts';
import type { Decide, DecisionKind, MessageKind, RequestNotice } from '../../workflows/contract.ts';
import { fakeDeps } from './activity-deps.ts';
import type { TestDatabase } from './database.ts';

export const DAY_MS = 86_400_000;
/** When the requests of these tests are asked, in workflow time; no clock is near it. */
export const ASKED_AT = Date.UTC(2031, 0, 1);

/** A workspace with its people, by the names of their keys. */
export const seedPeople = async ({ owner }: TestDatabase, workspaceId: string) => {
  await createWorkspace(owner.db, { id: workspaceId, name: workspaceId });
  const make = async (role: Role, person: string, workspace: string | null = null) =>
    (
      await createApiKey(owner.db, {
        role,
        workspaceId: workspace,
        ownerName: person,
        ownerEmail: `${person}@${workspaceId}.example`,
      })
    ).id;
  return {
    workspaceId,
    ada: await make('admin', 'ada', workspaceId),
    bob: await make('admin', 'bob', workspaceId),
    pia: await make('platform', 'pia'),
    paul: await make('platform', 'paul'),
    ole: await make('ops', 'ole'),
    /** The requester's own key of the platform team, under a mail address written otherwise. */
    adaOfPlatform: await make('platform', ' ADA'),
  };
};

export type People = Awaited<ReturnType<typeof seedPeople>>;

/** Asks, claims and decides on a real database, at times of one's choice. */
export const createRequestSteps = (database: TestDatabase) => {
  const deps = fakeDeps(database.app);
  const { db } = database.app;
  const decideRequest = createDecideRequest(deps);
  const claimRequest = createClaimRequest(deps);
  const windowMs = 3 * DAY_MS;

  const insert = async ({ workspaceId, ada }: People): Promise<string> => {
    const id = uuidv7();
    const reason = 'the contract has ended';
    const asked = { id, workspaceId, requesterKeyId: ada, reason, usersThen: 3 };
    if (!(await insertRequest(db, asked))) throw new Error('there is one already');
    return id;
  };
  const ask = async (people: People): Promise<string> => {
    const id = await insert(people);
    await claimRequest({ requestId: id, runId: 'run', at: ASKED_AT, lapseMs: 14 * DAY_MS });
    return id;
  };
  const decide = (
    requestId: string,
    kind: DecisionKind,
    at: number,
    message: Partial<Decide> = {},
  ) => decideRequest({ requestId, kind, at, windowMs, id: randomUUID(), ...message });

  /** What the API writes before it sends a message. */
  const insertDecision = async (
    requestId: string,
    kind: MessageKind,
    { by, ...texts }: { by: string; reason?: string; previewId?: string },
  ): Promise<string> => {
    const id = uuidv7();
    await insertPending(db, { id, requestId, kind, keyId: by, ...texts });
    return id;
  };

  return {
    insert,
    insertDecision,
    ask,
    decide,
    /** As the API does it: a row with the words, then a message that names it. */
    submit: async (
      requestId: string,
      kind: MessageKind,
      at: number,
      wish: { by: string; reason?: string; previewId?: string },
    ) => {
      const decisionId = await insertDecision(requestId, kind, wish);
      const view = await decide(requestId, kind, at, { by: wish.by, decisionId });
      return { decisionId, view };
    },
    /** A preview of everyone, bound to the request, valid for 15 minutes. */
    preview: async ({ workspaceId, ada }: People, requestId: string) => {
      const id = uuidv7();
      await sql`
        INSERT INTO previews (id, workspace_id, actor_key_id, selection, count, held, snapshot, expires_at, request_id)
        SELECT ${id}, ${workspaceId}, ${ada}, '{"type": "all"}', count(*), 0, pg_current_snapshot(),
               now() + interval '15 minutes', ${requestId}
          FROM users WHERE workspace_id = ${workspaceId}`.execute(db);
      return id;
    },
    endJob: (jobId: string, state: string, deleted: number) =>
      sql`UPDATE jobs SET state = ${state}, finished_at = now(),
            counts = jsonb_build_object('selected', 3, 'deleted', ${deleted}::int)
           WHERE id = ${jobId}`.execute(db),
    request: async (id: string) => {
      const row = await findRequest(db, id, null);
      if (row === undefined) throw new Error(`no request ${id}`);
      return row;
    },
    decisions: (requestId: string) =>
      db
        .selectFrom('decisions')
        .select(['kind', 'outcome', 'refusal', 'reason', 'key_id', 'state'])
        .where('request_id', '=', requestId)
        .orderBy('created_at')
        .execute(),
    /** Whether everyone who is to hear of it was mailed. */
    isMailed: async (requestId: string, kind: RequestNotice) => {
      const rows = await db
        .selectFrom('request_notices')
        .select('accepted_at')
        .where('request_id', '=', requestId)
        .where('kind', '=', kind)
        .execute();
      return rows.length > 0 && rows.every((row) => row.accepted_at !== null);
    },
    activity: async (requestId: string) => {
      const rows = await db
        .selectFrom('activity')
        .select('kind')
        .where('request_id', '=', requestId)
        .orderBy('at')
        .orderBy('id')
        .execute();
      return rows.map(({ kind }) => kind);
    },
  };
};
