import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import fastify, { LogController } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { logOptions } from '../log.ts';
import { requireAccess } from './access.ts';
import type { ApiDeps } from './deps.ts';
import type { App } from './http/app.ts';
import { authenticate } from './auth.ts';
import { handleError } from './error-handler.ts';
import { answerBroken, requireHttpRules } from './http/send-problem.ts';
import {
  BODY_LIMIT_BYTES,
  CONNECTION_CHECK_MS,
  HEADERS_LIMIT_BYTES,
  HEADERS_TIMEOUT_MS,
  HTTP_LIMITS,
} from './http/limits.ts';
import { describeError, logResponses } from './http/logging.ts';
import { documentApi } from './openapi/openapi.ts';
import { createRates } from './rate-limit.ts';
import { readBodies } from './http/read-bodies.ts';
import { rememberRequests } from './request-owner.ts';
import { registerConsoleRoutes } from './console/console-routes.ts';
import { registerRoutes } from './routes.ts';
import { answerUnknown } from './http/unknown-route.ts';
import { limitBodyTime } from './http/body-deadline.ts';
import { closeUnusedConnections } from './http/unused-connections.ts';
import { validatorCompiler } from './http/validation.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Builds the API without listening. @throws Error if a route has no entry in api/access.ts
 */
export const buildApp = async (deps: ApiDeps): Promise<App> => {
  const app = createServer(deps);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error: Error, request, reply) => handleError(error, request, reply));
  app.addHook('onRoute', requireAccess);
  closeUnusedConnections(app);
  limitBodyTime(app);
  logResponses(app);
  await secure(app);
  requireHttpRules(app);
  rememberRequests(app);
  const { publicUrl } = deps.config;
  const rates = await createRates(app, deps.config);
  await app.register(cookie);
  authenticate(app, { db: deps.database.db, rates, publicUrl });
  answerUnknown(app);
  readBodies(app);
  await documentApi(app, publicUrl);
  registerRoutes(app, deps);
  await registerConsoleRoutes(app, deps);
  await app.ready();
  return app;
};

const createServer = ({ logLevel, logStream, config }: ApiDeps): App =>
  fastify({
    ...HTTP_LIMITS,
    bodyLimit: BODY_LIMIT_BYTES,
    http: {
      maxHeaderSize: HEADERS_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTION_CHECK_MS,
      requireHostHeader: false,
    },
    logger: {
      ...logOptions('api', logLevel),
      ...(logStream !== undefined && { stream: logStream }),
      serializers: { err: describeError, req: () => ({}), res: () => ({}) },
    },
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'requestId',
    }),
    genReqId: requestIdOf,
    requestIdHeader: false,
    trustProxy: config.trustedProxies,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerBroken,
    frameworkErrors: (error, request, reply) => handleError(error, request, reply),
  }).withTypeProvider<ZodTypeProvider>();

/** The request id of the caller is used if it is a UUID, which cannot hold user data. */
const requestIdOf = ({ headers }: IncomingMessage): string => {
  const given = headers['x-request-id'];
  return typeof given === 'string' && UUID.test(given) ? given.toLowerCase() : randomUUID();
};

const secure = async (app: App): Promise<void> => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    frameguard: { action: 'deny' },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-request-id', request.id);
  });
};
