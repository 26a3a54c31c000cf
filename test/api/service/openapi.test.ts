import { beforeAll, expect, test } from 'vitest';
import { ACCESS } from '../../../api/access.ts';
import { toRoutePath } from '../../../api/console/route-path.ts';
import { CONSOLE_PATHS } from '../../../rules/console-paths.ts';
import { useApi } from '../support.ts';

const api = useApi();

interface Operation {
  operationId?: string;
  summary?: string;
  tags?: string[];
  parameters?: { name: string; description?: string }[];
  security?: unknown[];
  responses: Record<string, { $ref?: string }>;
}
interface Document {
  openapi: string;
  info: { title: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

let document: Document;

beforeAll(async () => {
  document = (await api().call('GET', '/openapi.json', { key: null })).body;
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );

const statusesOf = (path: string, method: string): string[] =>
  Object.keys(document.paths[path]![method]!.responses);

/** Every `$ref` in a value. */
const refsIn = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([name, inner]) =>
        name === '$ref' && typeof inner === 'string' ? [inner] : refsIn(inner),
      );

test('the document is OpenAPI 3.1 and describes every route except those of documentation and console', () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  const told = operations().map(
    ({ path, method }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
  );
  const pages = new Set(CONSOLE_PATHS.map((path) => `GET ${toRoutePath(path)}`));
  const known = Object.keys(ACCESS).filter(
    (route) => !pages.has(route) && !/^GET \/(?:docs\b.*|openapi\.json|assets\/\*)$/.test(route),
  );
  expect(told.toSorted()).toEqual(known.toSorted());
});

test('the cursor of a list of users may be one of both cursors of a page', () => {
  const parameters = document.paths['/v1/users']!['get']!.parameters ?? [];
  const cursor = parameters.find(({ name }) => name === 'cursor');
  for (const name of ['nextCursor', 'prevCursor']) expect(cursor?.description).toContain(name);
});

test('every operation has a unique id, a summary, a success answer and its problems', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, operation } of operations()) {
    const statuses = Object.keys(operation.responses);
    expect({ path, summary: operation.summary }).not.toEqual({ path, summary: undefined });
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
    expect(operation.responses['503']).toEqual({ $ref: '#/components/responses/problem503' });
    // Signing in needs no session yet, and signing out needs none any more.
    if (operation.tags?.includes('sessions')) continue;
    expect('401' in operation.responses).toBe(operation.security?.length !== 0);
  }
});

test('the document lists every error that a file, a body or a long URL can cause', () => {
  expect(statusesOf('/v1/exports/{id}/file', 'get')).toEqual(
    expect.arrayContaining(['206', '304', '409', '410', '414', '416', '431']),
  );
  expect(statusesOf('/v1/deletions', 'post')).toEqual(
    expect.arrayContaining(['408', '409', '410', '413', '415', '422', '429']),
  );
  expect(statusesOf('/healthz', 'get')).not.toContain('429');
});

test('every reference points to an existing part of the document', () => {
  const refs = new Set(refsIn(document));
  expect(refs.size).toBeGreaterThan(3);
  for (const ref of refs) {
    expect(ref).toMatch(/^#\//);
    const target = ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
    expect({ ref, target }).not.toEqual({ ref, target: undefined });
  }
});

test('every guarded operation takes a key or a session, and its changes take the token of a session', () => {
  for (const { method, operation } of operations()) {
    if (operation.security?.length === 0 || operation.tags?.includes('sessions')) continue;
    expect(operation.security).toEqual([{ apiKey: [] }, { session: [] }]);
    const names = (operation.parameters ?? []).map(({ name }) => name);
    expect(names.includes('X-CSRF-Token')).toBe(method !== 'get');
  }
  const { get, post, delete: out } = document.paths['/v1/session']!;
  const security = [get!.security, post!.security, out!.security];
  expect(security).toEqual([[{ session: [] }], [], [{ session: [] }, {}]]);
  expect(headersOf('/v1/session', 'post', '200')).toContain('Set-Cookie');
  expect(headersOf('/v1/session', 'delete', '204')).toContain('Set-Cookie');
});

const schemaOf = (name: string) =>
  document.components['schemas']![name] as {
    anyOf?: Record<string, unknown>[];
    oneOf?: Record<string, unknown>[];
    properties?: Record<string, { anyOf?: Record<string, unknown>[] }>;
  };

/** Client generators leave out routes whose bodies have branches without a name. */
test.each([
  ['Filter', () => schemaOf('Filter').anyOf],
  ['DirectSelection', () => schemaOf('DirectSelection').oneOf],
  ['DeletionSelection', () => schemaOf('DeletionSelection').oneOf],
  ['ExportSelection', () => schemaOf('ExportSelection').oneOf],
  ["a job's counts", () => schemaOf('Job').properties?.['counts']?.anyOf?.[0]?.['anyOf']],
  ["a job's result", () => schemaOf('Job').properties?.['result']?.anyOf?.[0]?.['anyOf']],
] as const)('each branch of %s is a named schema', (name, branchesOf) => {
  const branches = branchesOf() as Record<string, unknown>[] | undefined;
  expect(branches?.length).toBeGreaterThan(name === 'DirectSelection' ? 0 : 2);
  for (const branch of branches ?? []) {
    expect({ name, keys: Object.keys(branch) }).toEqual({ name, keys: ['$ref'] });
  }
});

test('jobs, backups and links are named schemas, each schema is used, and none is named twice', () => {
  const names = Object.keys(document.components['schemas']!);
  expect(names).toEqual(
    expect.arrayContaining(['Job', 'Backup', 'Link', 'CreatedLink', 'NewLink']),
  );
  const refs = new Set(refsIn(document));
  for (const name of names) {
    expect({ name, isUsed: refs.has(`#/components/schemas/${name}`) }).toEqual({
      name,
      isUsed: true,
    });
    expect(names).not.toContain(`${name}Input`);
  }
  const { responses } = document.paths['/v1/exports']!['post']!;
  expect(JSON.stringify(responses['202'])).toContain('"#/components/schemas/Job"');
});

test('the limits of a list are numbers in the document', () => {
  const { parameters } = document.paths['/v1/jobs']!['get'] as unknown as {
    parameters: { name: string; schema: Record<string, unknown> }[];
  };
  const limit = parameters.find(({ name }) => name === 'limit');
  expect(limit?.schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 200 });
  expect(parameters.some(({ name }) => name === 'workspace')).toBe(true);
});

const headersOf = (path: string, method: string, status: string) => {
  const { responses } = document.paths[path]![method]!;
  return Object.keys((responses[status] as { headers?: object }).headers ?? {});
};

test('answers with a job, a file or a CSV list their headers', () => {
  expect(headersOf('/v1/exports', 'post', '202')).toEqual(
    expect.arrayContaining(['Location', 'Retry-After', 'X-Request-Id', 'RateLimit-Limit']),
  );
  expect(headersOf('/v1/exports/{id}/file', 'get', '206')).toEqual(
    expect.arrayContaining(['Content-Range', 'Content-Disposition', 'ETag', 'Repr-Digest']),
  );
  expect(headersOf('/v1/deletions/{id}/log', 'get', '200')).toContain('Content-Disposition');
  expect(headersOf('/healthz', 'get', '200')).toEqual(['X-Request-Id']);
});

test('each answer has its own description', () => {
  expect(JSON.stringify(document)).not.toContain('Default Response');
  const { responses } = document.paths['/v1/exports']!['post']!;
  expect(responses['202']).toMatchObject({ description: expect.stringContaining('`Location`') });
});

test('each group of operations has a description and is used', () => {
  const used = new Set(operations().flatMap(({ operation }) => operation.tags ?? []));
  expect(new Set(document.tags.map(({ name }) => name))).toEqual(used);
  expect(document.tags.every(({ description }) => /\w/.test(description))).toBe(true);
  const order = ['me', 'users', 'imports', 'segments', 'exports', 'deletions', 'restores'];
  const names = document.tags.map(({ name }) => name);
  expect(names.filter((name) => order.includes(name))).toEqual(order);
});

test.each([
  ['what it is', 'read back and verified'],
  ['keys', 'Authorization: Bearer'],
  ['workspaces', '?workspace=<id>'],
  ['long jobs', '/v1/jobs/{id}/events'],
  ['idempotency keys', 'Idempotency-Key'],
  ['problem details', 'application/problem+json'],
  ['paging', 'nextCursor'],
])('the introduction explains %s', (_subject, words) => {
  expect(document.info.description).toContain(words);
});

test('every operation that starts a job documents the idempotency key', () => {
  const without = operations().filter(({ method, operation }) => {
    const { responses, parameters = [] } = operation;
    const isStart = JSON.stringify(responses['202'] ?? null).includes('schemas/Job"');
    const isTold = parameters.some(({ name }) => name === 'Idempotency-Key');
    return method !== 'get' && isStart && !isTold;
  });
  expect(without.map(({ path }) => path)).toEqual(['/v1/jobs/{id}/cancel']);
});
