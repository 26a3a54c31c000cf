import type { FastifyInstance, FastifyRequest } from 'fastify';

/** The route as it was declared: an address may hold a user's id or a link's token. */
export const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unknown';

/** Lines and columns of our own code, without the message, which may quote a user's data. */
const framesOf = (error: Error): string =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');

const isFromDatabase = (error: object): boolean => 'severity' in error && 'routine' in error;

/** What is logged of an error: where and of what kind, never the values it met. */
export const describeError = (
  error: Error,
): { type: string; message: string; stack: string; [name: string]: unknown } => {
  const { code, routine, ...named } = error as {
    code?: unknown;
    routine?: unknown;
    table?: unknown;
    constraint?: unknown;
  };
  // What RAISE names may be a value of a row.
  const { table, constraint } = routine === 'exec_stmt_raise' ? {} : named;
  return {
    type: error.name,
    message: isFromDatabase(error) ? 'a database error' : error.message,
    stack: framesOf(error),
    ...(code !== undefined && { code }),
    ...(table !== undefined && { table }),
    ...(constraint !== undefined && { constraint }),
    ...(error.cause instanceof Error && { cause: describeError(error.cause) }),
  };
};

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Routes whose `:id` is that of a job. */
const OF_A_JOB = /^\/v1\/(?:jobs|exports|imports|deletions|restores)\/:id(?:\/|$)/;

/** The job that a request began or is about; undefined of any other request. */
const jobOf = (request: FastifyRequest): string | undefined => {
  const { access } = request as Partial<Pick<FastifyRequest, 'access'>>;
  const { id = '' } = request.params as { id?: string };
  const named = OF_A_JOB.test(routeOf(request)) && UUID.test(id) ? id.toLowerCase() : undefined;
  return access?.jobId ?? named;
};

/** By ids only. A request that was refused before anything was asked of it has no access yet. */
const whoOf = (
  request: FastifyRequest,
): { keyId?: string; workspaceId?: string; jobId?: string } => {
  const { access } = request as Partial<Pick<FastifyRequest, 'access'>>;
  const jobId = jobOf(request);
  return {
    ...(access?.actor && { keyId: access.actor.id }),
    ...(access?.workspaceId && { workspaceId: access.workspaceId }),
    ...(jobId !== undefined && { jobId }),
  };
};

/** One line a request: no address, no header, no body. */
export const logResponses = (app: FastifyInstance): void => {
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        route: routeOf(request),
        status: reply.statusCode,
        milliseconds: Math.round(reply.elapsedTime),
        ...whoOf(request),
      },
      'request',
    );
  });
};
