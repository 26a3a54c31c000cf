import type { FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { parseJsonBody } from './json-body.ts';
import { invalidRequest, problem } from './problems.ts';

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length === 0;

/** A small packed body may be a huge one: none is unpacked. @throws ProblemError 415 */
export const refuseEncoded = (encoding: string | undefined): void => {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw problem('unsupported-media-type', 'This path reads bodies without a Content-Encoding.', {
    headers: { 'accept-encoding': 'identity' },
  });
};

/** Bodies are JSON, read strictly. A route without a schema for its body takes none, or `{}`. */
export const readBodies = (app: App): void => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      refuseEncoded(request.headers['content-encoding']);
      const takesBody = request.routeOptions.schema?.body !== undefined;
      if (body.length === 0) {
        if (!takesBody) return undefined;
        throw problem('malformed-json', 'The body is empty; this path needs a JSON body.');
      }
      const value = parseJsonBody(body);
      if (takesBody) return value;
      if (isEmptyObject(value)) return undefined;
      throw invalidRequest([{ detail: 'this path takes no body', pointer: '' }]);
    },
  );
};
