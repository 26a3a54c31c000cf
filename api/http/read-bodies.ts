import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { App } from './app.ts';
import { parseJsonBody } from './json-body.ts';
import { invalidRequest, problem } from './problems.ts';

/** Bodies are never decompressed: a small body could become huge. @throws ProblemError 415 */
export const refuseEncoded = (encoding: string | undefined): void => {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw problem(
    'unsupported-media-type',
    'This path accepts bodies without Content-Encoding only.',
    {
      headers: { 'accept-encoding': 'identity' },
    },
  );
};

/**
 * Bodies are JSON, read strictly. A route without a body schema accepts no body, or `{}`. An empty
 * body counts as no body: many clients send a content type with every POST.
 */
export const readBodies = (app: App): void => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      refuseEncoded(request.headers['content-encoding']);
      const schema = request.routeOptions.schema?.body;
      const takesBody = schema !== undefined;
      if (body.length === 0) {
        if (takesNone(schema)) return undefined;
        throw problem('malformed-json', 'The body is empty. This path requires a JSON body.');
      }
      const value = parseJsonBody(body);
      if (takesBody) return value;
      if (isEmptyObject(value)) return undefined;
      throw invalidRequest([{ detail: 'this path accepts no body', pointer: '' }]);
    },
  );
};

/** Whether the body of a route is optional: its schema accepts undefined or null. */
const takesNone = (schema: unknown): boolean =>
  !(schema instanceof z.ZodType) ||
  schema.safeParse(undefined).success ||
  schema.safeParse(null).success;

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length === 0;
