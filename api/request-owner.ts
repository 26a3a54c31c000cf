import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyRequest } from 'fastify';
import type { App } from './http/app.ts';

const requests = new AsyncLocalStorage<FastifyRequest>();

/**
 * The owner of a request: its workspace, or its key without a workspace; undefined if not known
 * yet.
 */
export const ownerOf = ({ access }: FastifyRequest): string | undefined =>
  access?.workspaceId ?? access?.actor?.id;

/** The owner of the current request; undefined without a request or a known owner. */
export const ownerOfRequest = (): string | undefined => {
  const request = requests.getStore();
  return request && ownerOf(request);
};

/**
 * Runs work that continues after the request and serves later callers. It counts for no owner.
 */
export const outsideRequests = <T>(work: () => T): T => requests.exit(work);

/** Binds the request to all work that is done for it. */
export const rememberRequests = (app: App): void => {
  app.addHook('onRequest', (request, _reply, done) => requests.run(request, done));
};
