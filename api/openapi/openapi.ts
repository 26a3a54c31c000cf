import swagger from '@fastify/swagger';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import { DELIVERY_DAYS } from '../../rules/retention.ts';
import { findAccess } from '../access.ts';
import type { App } from '../http/app.ts';
import { readOwn, serveDocs } from './docs-page.ts';
import { IMPORT_BODY } from '../imports/import-options.ts';
import { answerHeaders, problemHeaders } from './openapi-headers.ts';
import { createSessionCookie } from '../sessions/session-cookie.ts';
import { exampleOf, joinSchemas } from './openapi-schemas.ts';
import { TAGS } from './openapi-tags.ts';
import { PROBLEMS, type ProblemSlug } from '../http/problems.ts';
import { USER_LIST_BODY } from '../users/receive-user-list.ts';

interface OpenApi {
  paths: Record<string, Record<string, Operation | undefined>>;
  components?: Record<string, Record<string, unknown>>;
}

export const problemSchema = z.object({
  type: z.string().describe('Path of a page about this type of error'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What failed, for which id, why, and what to do'),
  requestId: z.string(),
  errors: z
    .array(
      z.object({
        detail: z.string(),
        pointer: z
          .string()
          .describe('`/a/b` in the body, `?name` in the query, `{name}` in the path'),
      }),
    )
    .optional(),
  data: z
    .record(z.string(), z.union([z.string(), z.number()]))
    .optional()
    .describe('Numbers and ids of `detail`; docs/errors.md lists them by type'),
});

const WORKSPACE_PARAMETER = {
  name: 'workspace',
  in: 'query',
  schema: { type: 'string' },
  description:
    'Id of the workspace, for keys that can access several workspaces; otherwise the workspace of the key.',
};
const WORKSPACE_OF_LIST = {
  ...WORKSPACE_PARAMETER,
  description:
    'Id of the workspace, for keys that can access several workspaces; by default all workspaces of the key.',
};

const header = (name: string, description: string, pattern?: string) => ({
  name,
  in: 'header',
  schema: { type: 'string', ...(pattern !== undefined && { pattern }) },
  description,
});

const IDEMPOTENCY_KEY = header(
  'Idempotency-Key',
  '1 to 255 visible ASCII characters. The same request with the same key always returns the same job or list.',
  '^[\\x21-\\x7e]{1,255}$',
);
const WEBHOOK_KEY = {
  ...IDEMPOTENCY_KEY,
  description:
    `1 to 255 visible ASCII characters. The same request with the same key takes effect once. For ${DELIVERY_DAYS} days, it ` +
    'returns the created resource, but without a secret.',
};
const MAIL_KEY = header(
  'Idempotency-Key',
  '1 to 255 visible ASCII characters. The same request with the same key never sends a second mail.',
  '^[\\x21-\\x7e]{1,255}$',
);
const PREFER = header(
  'Prefer',
  '`wait=N` returns 200 if the job ends within N seconds; the maximum is 30.',
);

const LAST_EVENT_ID = header(
  'Last-Event-ID',
  'The `id` of the last event that the client received; older events are not sent again.',
);

const CSRF_TOKEN = header(
  'X-CSRF-Token',
  '`csrfToken` of the session. Required with the cookie of a session, and ignored with a key.',
);

/** Headers that operations accept. The code reads them itself, as requests have others too. */
const HEADERS_OF: Readonly<Record<string, readonly object[]>> = {
  createUserList: [IDEMPOTENCY_KEY],
  startImport: [IDEMPOTENCY_KEY],
  startExport: [IDEMPOTENCY_KEY],
  startDeletion: [IDEMPOTENCY_KEY],
  startRestore: [IDEMPOTENCY_KEY],
  retryJob: [IDEMPOTENCY_KEY],
  deleteUser: [IDEMPOTENCY_KEY, PREFER],
  streamJob: [LAST_EVENT_ID],
  askToDeleteAll: [IDEMPOTENCY_KEY],
  approveDeleteAll: [IDEMPOTENCY_KEY],
  denyDeleteAll: [IDEMPOTENCY_KEY],
  revokeDeleteAll: [IDEMPOTENCY_KEY],
  withdrawDeleteAll: [IDEMPOTENCY_KEY],
  runDeleteAll: [IDEMPOTENCY_KEY],
  notifyJob: [MAIL_KEY],
  notifyDeleteAll: [MAIL_KEY],
  createWebhook: [WEBHOOK_KEY],
  rotateWebhookSecret: [WEBHOOK_KEY],
  testWebhook: [WEBHOOK_KEY],
  replayWebhookDelivery: [WEBHOOK_KEY],
  endSession: [CSRF_TOKEN],
};

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Bodies that are parsed as a stream. */
const BODY_OF: Readonly<Record<string, object>> = {
  startImport: IMPORT_BODY,
  createUserList: USER_LIST_BODY,
};

/**
 * Errors that any route may answer with, and those of routes that read bodies and change things.
 */
const COMMON_STATUSES = [400, 404, 431, 500, 503];
const WRITE_STATUSES = [408, 409, 413, 415, 422];
/** A part of a path may be too long. */
const PARAMETER_STATUS = 414;

const FILE_STATUSES = [409, 410, 416];
/** The resource may have been removed permanently: a file, a preview, a window, records. */
const MAY_BE_GONE = [
  'startExport',
  'previewDeletion',
  'startDeletion',
  'createExportLink',
  'createBackupLink',
  'previewRestore',
  'startRestore',
  'changeBackup',
  'purgeBackup',
  'retryJob',
  'approveDeleteAll',
  'denyDeleteAll',
  'revokeDeleteAll',
  'withdrawDeleteAll',
  'previewDeleteAll',
  'runDeleteAll',
  'listImportRecords',
  'listDeletionRecords',
  'listRestoreRecords',
  'summarizeImportRecords',
  'summarizeDeletionRecords',
  'summarizeRestoreRecords',
  'getImportLog',
  'getDeletionLog',
  'getRestoreLog',
  'getActivityLog',
  'createWebhook',
];

/** Errors that only these operations return. */
const STATUSES_OF: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(MAY_BE_GONE.map((operationId) => [operationId, [410]])),
  // A segment may have a filter that is not valid any more.
  listUsers: [422],
  downloadExport: FILE_STATUSES,
  downloadBackup: FILE_STATUSES,
  downloadByLink: FILE_STATUSES,
  startSession: [401],
};

const BY_KEY_OR_SESSION = [{ apiKey: [] }, { session: [] }];
/** Operations of sessions do not use a key. Signing out needs no session. */
const SECURITY_OF: Readonly<Record<string, readonly object[]>> = {
  getSession: [{ session: [] }],
  endSession: [{ session: [] }, {}],
};

interface Response {
  $ref?: string;
  content?: Record<string, { schema?: { $ref?: string } }>;
  headers?: object;
}

interface Operation {
  operationId?: string;
  responses?: Record<string, Response>;
  parameters?: unknown[];
  requestBody?: { content?: Record<string, { schema?: unknown; example?: unknown }> };
  security?: unknown[];
}

const JOB_REF = '#/components/schemas/Job';

const zodToJsonConfig = { unrepresentable: 'any' } as const;
const addSharedSchemas = createJsonSchemaTransformObject({ zodToJsonConfig });

/** Must be registered before the routes that it describes. */
export const documentApi = async (app: App, publicUrl: string): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Keepsake API',
        version: '1',
        description: await readOwn('introduction.md'),
      },
      tags: [...TAGS],
      components: {
        securitySchemes: {
          apiKey: { type: 'http', scheme: 'bearer', description: 'A key: `ks_…`' },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: createSessionCookie(publicUrl).name,
            description: 'The cookie of a browser that signed in with `POST /v1/session`',
          },
        },
      },
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => complete(addSharedSchemas(document)) as never,
  });
  await serveDocs(app);
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(app.swagger()),
  );
};

const complete = (document: object): OpenApi => {
  const openapi = document as OpenApi;
  for (const [path, item] of Object.entries(openapi.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation === undefined) continue;
      completeOperation(method, path, operation);
      showExample(operation, openapi.components?.['schemas'] ?? {});
    }
  }
  const responses = problemStatuses().map((status) => [
    `problem${status}`,
    {
      description: `A problem: ${titlesOf(status)}`,
      headers: problemHeaders(status),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]);
  const { paths, schemas } = joinSchemas(openapi.paths, openapi.components?.['schemas'] ?? {});
  openapi.paths = paths;
  openapi.components = {
    ...openapi.components,
    schemas: { ...schemas, Problem: z.toJSONSchema(problemSchema) },
    responses: Object.fromEntries(responses) as Record<string, unknown>,
  };
  return openapi;
};

/** Adds the facts of the access table and the catalogue, so that routes need not repeat them. */
const completeOperation = (method: string, path: string, operation: Operation): void => {
  const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
  const access = findAccess(method.toUpperCase(), url);
  const isPublic = access === undefined || access.public === true;
  const statuses = new Set([
    ...COMMON_STATUSES,
    ...(method === 'get' ? [] : WRITE_STATUSES),
    ...(path.includes('{') ? [PARAMETER_STATUS] : []),
    ...(STATUSES_OF[operation.operationId ?? ''] ?? []),
  ]);
  const isLimited = access?.public !== true || access.isUnlimited !== true;
  if (isLimited) statuses.add(403).add(429);
  if (!isPublic) statuses.add(401);
  operation.security = [
    ...(SECURITY_OF[operation.operationId ?? ''] ?? (isPublic ? [] : BY_KEY_OR_SESSION)),
  ];
  const parameters = [
    ...(operation.parameters ?? []),
    ...(HEADERS_OF[operation.operationId ?? ''] ?? []),
    ...(isPublic || method === 'get' ? [] : [CSRF_TOKEN]),
    ...(isPublic ? [] : [access.workspace === 'all' ? WORKSPACE_OF_LIST : WORKSPACE_PARAMETER]),
  ];
  if (parameters.length > 0) operation.parameters = parameters;
  const body = BODY_OF[operation.operationId ?? ''];
  if (body !== undefined) operation.requestBody = body;
  const responses: Record<string, Response> = { ...operation.responses };
  for (const status of statuses) {
    responses[String(status)] ??= { $ref: `#/components/responses/problem${status}` };
  }
  operation.responses = responses;
  addHeaders(operation, { isLimited });
};

const addHeaders = (
  { operationId = '', responses = {} }: Operation,
  { isLimited }: { isLimited: boolean },
): void => {
  for (const [status, response] of Object.entries(responses)) {
    if (response.$ref !== undefined) continue;
    const { content = {} } = response;
    response.headers = answerHeaders({
      operationId,
      status,
      mediaTypes: Object.keys(content),
      isFile: '206' in responses && Number(status) < 400,
      isLimited,
      isJob: content['application/json']?.schema?.$ref === JOB_REF,
    });
  }
};

/** Moves the example of a body's schema to the place where tools show it. */
const showExample = ({ requestBody }: Operation, schemas: Record<string, unknown>): void => {
  for (const media of Object.values(requestBody?.content ?? {})) {
    media.example ??= exampleOf(media.schema, schemas);
  }
};

const problemStatuses = (): number[] => [
  ...new Set(Object.values(PROBLEMS).map(({ status }) => status)),
];

const titlesOf = (status: number): string =>
  (Object.keys(PROBLEMS) as ProblemSlug[])
    .filter((slug) => PROBLEMS[slug].status === status)
    .map((slug) => `\`${slug}\``)
    .join(', ');
