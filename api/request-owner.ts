import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyRequest } from 'fastify';
import type { App } from './http/app.ts';

const requests = new AsyncLocalStorage<FastifyRequest>();

/**
 * Whom a request is for: the workspace, or the key where it names none; undefined where nobody
 * knows yet.
 */
export const ownerOf = ({ access }: FastifyRequest): string | undefined =>
  access?.workspaceId ?? access?.actor?.id;

/** Whom the request is for that is under way; undefined where none is, or nobody knows yet. */
export const ownerOfRequest = (): string | undefined => {
  const request = requests.getStore();
  return request && ownerOf(request);
};

/**
 * Does something that goes on after the request, for whoever asks for it then: it counts for
 * nobody.
 */
export const outsideRequests = <T>(work: () => T): T => requests.exit(work);

/** Remembers the request for all that is done for it. */
export const rememberRequests = (app: App): void => {
  app.addHook('onRequest', (request, _reply, done) => requests.run(request, done));
};
