import type { FastifyRequest } from 'fastify';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import {
  askToDeleteAll,
  findRequestByKey,
  findUnfinishedRequest,
  listRequests,
  type RequestRow,
} from '../../db/delete-all/delete-all-requests.ts';
import { REQUEST_STATES, isUnfinished } from '../../workflows/contracts/delete-all.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { getRequest } from './decide.ts';
import {
  describeRequest,
  requestSchema,
  requestSummarySchema,
  summarizeRequest,
} from './delete-all-json.ts';
import { type Idempotency, oncePerKey, readIdempotency } from '../http/idempotency.ts';
import {
  cursorSchema,
  decodeIdCursor,
  limitSchema,
  pageOf,
  positionIn,
  toPage,
  valuesSchema,
} from '../http/paging.ts';
import { problem } from '../http/problems.ts';
import { reasonSchema } from '../jobs/reason.ts';

const MAX_TICKET_LENGTH = 200;

/** Stands for the states of requests that have not ended. */
const ACTIVE = 'active';
const UNFINISHED_STATES = REQUEST_STATES.filter(isUnfinished);

const askSchema = z
  .strictObject({
    reason: reasonSchema,
    ticket: z
      .string()
      .max(MAX_TICKET_LENGTH)
      .regex(/\S/, 'must not be blank')
      .optional()
      .describe('For example, the ticket of the agreement'),
  })
  .meta({ examples: [{ reason: 'The contract has ended', ticket: 'OPS-1204' }] });

type Asking = FastifyRequest & { body: z.infer<typeof askSchema> };

/** Requests to delete all users of a workspace, and their state. */
export const registerDeleteAllRequestRoutes = (app: App, deps: ApiDeps): void => {
  registerAsk(app, deps);
  app.get(
    '/v1/delete-all-requests',
    {
      schema: {
        operationId: 'listDeleteAllRequests',
        summary:
          'List requests, newest first; without `workspace`, of all workspaces that the key can access',
        tags: ['delete all'],
        querystring: z.strictObject({
          state: valuesSchema(
            [...REQUEST_STATES, ACTIVE],
            `\`${ACTIVE}\` stands for ${UNFINISHED_STATES.join(', ')}`,
          ),
          cursor: cursorSchema,
          limit: limitSchema,
        }),
        response: { 200: pageOf(requestSummarySchema).describe('A page of requests') },
      },
    },
    async ({ access, query: { state, cursor, limit } }) => {
      const rows = await listRequests(deps.database.db, {
        workspaceId: access.workspaceId,
        states: state?.flatMap((one) => (one === ACTIVE ? UNFINISHED_STATES : [one])),
        beforeId: decodeIdCursor('deleteAllRequests', cursor),
        limit: limit + 1,
      });
      const page = toPage(rows, limit, positionIn('deleteAllRequests'));
      const data = page.rows.map((row) => summarizeRequest(row, deps));
      return { data, nextCursor: page.nextCursor };
    },
  );
  app.get(
    '/v1/delete-all-requests/:id',
    {
      schema: {
        operationId: 'getDeleteAllRequest',
        summary: 'Get a request with its window and all its decisions',
        tags: ['delete all'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        response: { 200: requestSchema.describe('The request') },
      },
    },
    async ({ access, params }) =>
      describeRequest(await getRequest(deps, params.id, access.workspaceId), deps),
  );
};

const registerAsk = (app: App, deps: ApiDeps): void => {
  app.post(
    '/v1/delete-all-requests',
    {
      schema: {
        operationId: 'askToDeleteAll',
        summary: 'Request a window from the platform team in which all users may be deleted',
        tags: ['delete all'],
        querystring: z.strictObject({}),
        body: askSchema,
        response: {
          201: requestSchema.describe('The request, which is waiting for the platform team'),
        },
      },
    },
    async (request, reply) => {
      const row = await ask(request, deps);
      await start(row, deps);
      const fresh = await getRequest(deps, row.id, request.workspaceId);
      reply.code(201).header('location', `/v1/delete-all-requests/${row.id}`);
      return describeRequest(fresh, deps);
    },
  );
};

/** The request of this call, or of an earlier call with the same idempotency key. */
const ask = async (request: Asking, deps: ApiDeps): Promise<RequestRow> => {
  const { db } = deps.database;
  const { workspaceId } = request;
  const idempotency = readIdempotency(request);
  const row = await oncePerKey(idempotency, {
    find: (key) => findRequestByKey(db, workspaceId, key),
    usedFor: ({ id }) => `request ${id} by another call`,
    write: () => write(request, deps, idempotency),
  });
  if (row !== undefined) return row;
  const open = await findUnfinishedRequest(db, workspaceId);
  throw problem(
    'request-already-open',
    open === undefined
      ? `Workspace ${workspaceId} had an open request, which has just ended. Send this request again.`
      : `Workspace ${workspaceId} already has an open request: ${open.id}.`,
    { data: open && { requestId: open.id } },
  );
};

const write = async (
  request: Asking,
  deps: ApiDeps,
  idempotency: Idempotency | undefined,
): Promise<RequestRow | undefined> => {
  const { db } = deps.database;
  const { workspaceId, actor, body } = request;
  const id = uuidv7();
  const isWritten = await askToDeleteAll(db, {
    id,
    proof: actor.proof,
    reason: body.reason,
    ...(body.ticket !== undefined && { ticket: body.ticket }),
    ...(idempotency !== undefined && { idempotency }),
  });
  return isWritten ? getRequest(deps, id, workspaceId) : undefined;
};

/**
 * Starts the workflow of an unclaimed request: a new request, or a request left by a crash.
 */
const start = async (row: RequestRow, deps: ApiDeps): Promise<void> => {
  if (row.run_id !== null || row.finished_at !== null) return;
  try {
    await deps.requests.start({ id: row.id, workspaceId: row.workspace_id });
  } catch (cause) {
    throw problem(
      'temporal-unavailable',
      `Request ${row.id} was stored and starts once Temporal responds. Send the same call with the same key to get the request.`,
      { cause },
    );
  }
};
