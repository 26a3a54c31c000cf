import type { FastifyInstance, FastifyRequest } from 'fastify';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Routes whose `:id` is that of a job. */
const OF_A_JOB = /^\/v1\/(?:jobs|exports|imports|deletions|restores)\/:id(?:\/|$)/;

/** The route as declared. The URL itself may contain the id of a user or the token of a link. */
export const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unknown';

/** The logged form of an error: its location and type, never values of users. */
export const describeError = (
  error: Error,
): { type: string; message: string; stack: string; [name: string]: unknown } => {
  const { code, routine, ...named } = error as {
    code?: unknown;
    routine?: unknown;
    table?: unknown;
    constraint?: unknown;
  };
  // RAISE may name values of a row.
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

/** One line per request, without URL, headers or body. */
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

const isFromDatabase = (error: object): boolean => 'severity' in error && 'routine' in error;

/** Lines and columns of our own code, without the message, which may quote a user's data. */
const framesOf = (error: Error): string =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');

/** Ids only. A request that was rejected early has no access yet. */
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

/** The job that a request started or is about; undefined for other requests. */
const jobOf = (request: FastifyRequest): string | undefined => {
  const { access } = request as Partial<Pick<FastifyRequest, 'access'>>;
  const { id = '' } = request.params as { id?: string };
  const named = OF_A_JOB.test(routeOf(request)) && UUID.test(id) ? id.toLowerCase() : undefined;
  return access?.jobId ?? named;
};
