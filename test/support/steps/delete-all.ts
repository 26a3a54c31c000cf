import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { uuidv7 } from 'uuidv7';
import {
  createClaimRequest,
  createDecideRequest,
} from '../../../activities/delete-all/decide-request.ts';
import { decisionCodeOf } from '../../../activities/delete-all/decision-codes.ts';
import { createApiKey, proofOf } from '../../../db/api-keys.ts';
import { listDecisions, submitDecision } from '../../../db/delete-all/decisions.ts';
import { askToDeleteAll, findRequest } from '../../../db/delete-all/delete-all-requests.ts';
import type { Role } from '../../../db/schema.ts';
import { createWorkspace } from '../../../db/workspaces.ts';
import {
  type Decide,
  type DecisionKind,
  type MessageKind,
  type RequestNotice,
} from '../../../workflows/contracts/delete-all.ts';
import { fakeDecideDeps, TEST_SECRET } from './activity-deps.ts';
import type { TestDatabase } from '../database/database.ts';
import { setDecisionTime } from '../database/decision-clock.ts';

export const DAY_MS = 86_400_000;
/** When the requests of these tests are sent; far from the real time. */
export const ASKED_AT = Date.UTC(2031, 0, 1);

/** The proof of each key, by the key's id. */
const PROOFS = new Map<string, Buffer>();

export type People = Awaited<ReturnType<typeof seedPeople>>;

const RUN_ID = 'run';

/** A workspace with its people, by the names of their keys. */
export const seedPeople = async ({ owner }: TestDatabase, workspaceId: string) => {
  await createWorkspace(owner.db, { id: workspaceId, name: workspaceId });
  const make = async (role: Role, person: string, workspace: string | null = null) => {
    const { id, key } = await createApiKey(owner.db, {
      role,
      workspaceId: workspace,
      ownerName: person,
      ownerEmail: `${person}@${workspaceId}.example`,
    });
    PROOFS.set(id, proofOf(key));
    return id;
  };
  return {
    workspaceId,
    ada: await make('admin', 'ada', workspaceId),
    bob: await make('admin', 'bob', workspaceId),
    pia: await make('platform', 'pia'),
    paul: await make('platform', 'paul'),
    ole: await make('ops', 'ole'),
    /**
     * The requester's own key of the platform team, with a different spelling of the email address.
     */
    adaOfPlatform: await make('platform', ' ADA'),
  };
};

/** Makes requests, each in a workspace of its own, sent by an admin. */
export const createAsking = (database: () => TestDatabase) => {
  let count = 0;
  return async () => {
    count += 1;
    const people = await seedPeople(database(), `w-${count}`);
    return { people, id: await createRequestSteps(database()).ask(people) };
  };
};

/** Sends, claims and decides requests on a real database, at chosen times. */
export const createRequestSteps = (database: TestDatabase) => {
  const { db } = database.app;
  const deps = fakeDecideDeps(database.app);
  const insert = async ({ ada }: People): Promise<string> => {
    const id = uuidv7();
    const reason = 'the contract has ended';
    const isAsked = await askToDeleteAll(db, { id, proof: proof(ada), reason });
    if (!isAsked) throw new Error('there is one already');
    return id;
  };
  const ask = async (people: People): Promise<string> => {
    await setDecisionTime(database.owner, ASKED_AT);
    const id = await insert(people);
    await createClaimRequest(deps, runOf)({ requestId: id });
    return id;
  };

  /** The code in the mail to the owner of a key. For an unknown key, a code that no mail holds. */
  const codeOf = async (requestId: string, kind: MessageKind, keyId: string): Promise<string> => {
    const key = await db
      .selectFrom('api_keys')
      .select('person')
      .where('id', '=', keyId)
      .executeTakeFirst();
    const person = key?.person ?? 'nobody';
    return decisionCodeOf(TEST_SECRET, { requestId, kind, person });
  };

  /**
   * Decides as the workflow does, for a timer or a message. `by` sends the code of that key's
   * owner.
   */
  const decide = async (
    requestId: string,
    kind: DecisionKind,
    at: number | null,
    { by, ...message }: Partial<Decide> & { by?: string } = {},
  ) => {
    await setDecisionTime(database.owner, at);
    const isCoded = by !== undefined && message.decisionId === undefined;
    const code = isCoded && { code: await codeOf(requestId, kind as MessageKind, by) };
    const decideRequest = createDecideRequest(deps, runOf);
    return decideRequest({ requestId, kind, id: randomUUID(), ...code, ...message });
  };

  /** Writes the row that the API writes before it sends a message. */
  const insertDecision = async (
    requestId: string,
    kind: MessageKind,
    { by, ...input }: { by: string; reason?: string; previewId?: string; jobId?: string },
  ): Promise<string> => {
    const id = uuidv7();
    await submitDecision(db, { id, requestId, kind, proof: proof(by), ...input });
    return id;
  };

  return {
    insert,
    insertDecision,
    ask,
    codeOf,
    proof,
    decide,
    /** Submits as the API does: a row, then a message that names it. */
    submit: async (
      requestId: string,
      kind: MessageKind,
      at: number,
      input: { by: string; reason?: string; previewId?: string; jobId?: string },
    ) => {
      await setDecisionTime(database.owner, at);
      const decisionId = await insertDecision(requestId, kind, input);
      const view = await decide(requestId, kind, at, { decisionId });
      return { decisionId, view };
    },
    /** A preview of all users, bound to the request, valid for 15 minutes. */
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
            counts = jsonb_build_object('selected', 3, 'deleted', ${deleted}::int,
                                       'unprocessed', 3 - ${deleted}::int)
           WHERE id = ${jobId}`.execute(db),
    request: async (id: string) => {
      const row = await findRequest(db, id, null);
      if (row === undefined) throw new Error(`no request ${id}`);
      return row;
    },
    outcome: (decisionId: string) =>
      db
        .selectFrom('decisions')
        .select(['outcome', 'refusal'])
        .where('id', '=', decisionId)
        .executeTakeFirstOrThrow(),
    /** The decisions as the API lists them. */
    told: (requestId: string) => listDecisions(db, requestId),
    decisions: (requestId: string) =>
      db
        .selectFrom('decisions')
        .select(['kind', 'outcome', 'refusal', 'reason', 'key_id', 'state'])
        .where('request_id', '=', requestId)
        .orderBy('created_at')
        .execute(),
    /** Whether all recipients were sent this mail. */
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

const proof = (keyId: string): Buffer => PROOFS.get(keyId) ?? Buffer.from('of nobody');

/** The run of a request's workflow that claimed the request. */
const runOf = () => ({ runId: RUN_ID });
