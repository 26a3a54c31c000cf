import { expect } from 'vitest';

/** Compares answers with the description of their operation in the OpenAPI document. */

interface Response {
  $ref?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, unknown>;
}

export interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Response> } | undefined>>;
  components: { responses: Record<string, Response> };
}

interface Answer {
  statusCode: number;
  headers: Record<string, unknown>;
}

/**
 * Headers that describe the answer. Headers of the transport and of browser rules are left out.
 */
const TELLING = [
  'accept-ranges',
  'content-disposition',
  'content-range',
  'etag',
  'location',
  'preference-applied',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'repr-digest',
  'retry-after',
  'set-cookie',
  'www-authenticate',
  'x-request-id',
];

/** Finds the path of the document for a URL; a path with fewer parameters comes first. */
const findPath = ({ paths }: Document, url: string): string | undefined => {
  const steps = url.replace(/\?.*/, '').split('/');
  const isOf = (path: string) => {
    const own = path.split('/');
    return own.length === steps.length && own.every((s, i) => s.startsWith('{') || s === steps[i]);
  };
  const found = Object.keys(paths).filter(isOf);
  return found.toSorted((a, b) => a.split('{').length - b.split('{').length)[0];
};

/** Expects that the document has the status, the media type and the headers of an answer. */
export const expectDocumented = (
  document: Document,
  { method, url }: { method: string; url: string },
  answer: Answer,
): void => {
  const path = findPath(document, url);
  const operation = path && document.paths[path]?.[method.toLowerCase()];
  // An unknown path, or an unknown method of a path, has no operation.
  if (!operation) return;
  const { statusCode, headers } = answer;
  const named = operation.responses[String(statusCode)];
  const response = named?.$ref ? document.components.responses[named.$ref.slice(23)] : named;
  const asked = `${method} ${path}: ${statusCode}`;
  expect({ asked, isDocumented: response !== undefined }).toEqual({ asked, isDocumented: true });
  const type = headers['content-type'];
  if (typeof type === 'string') {
    const mediaType = type.split(';')[0];
    expect({ asked, types: Object.keys(response?.content ?? {}) }).toEqual({
      asked,
      types: expect.arrayContaining([mediaType]),
    });
  }
  const told = new Set(Object.keys(response?.headers ?? {}).map((name) => name.toLowerCase()));
  const untold = TELLING.filter((name) => headers[name] !== undefined && !told.has(name));
  expect({ asked, untold }).toEqual({ asked, untold: [] });
};
