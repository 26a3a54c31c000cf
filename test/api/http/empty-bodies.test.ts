import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { useApi } from '../support.ts';

const api = useApi();

const TYPES = ['application/json', 'application/json; charset=utf-8'];

/** Routes that need no body. Nothing has the id, so 404 shows that the body was accepted. */
const BODILESS = [
  ['POST', '/v1/jobs/{id}/retry'],
  ['POST', '/v1/jobs/{id}/cancel'],
  ['POST', '/v1/exports/{id}/links'],
  ['POST', '/v1/backups/{id}/links'],
  ['POST', '/v1/delete-all-requests/{id}/approve'],
  ['POST', '/v1/delete-all-requests/{id}/revoke'],
  ['POST', '/v1/delete-all-requests/{id}/withdraw'],
  ['POST', '/v1/delete-all-requests/{id}/preview'],
  ['DELETE', '/v1/users/{id}'],
  ['DELETE', '/v1/segments/{id}'],
] as const;

const isForPlatform = (path: string): boolean => /approve|revoke/.test(path);

test.each(BODILESS)('%s %s treats an empty JSON body as no body', async (method, path) => {
  const url = path.replace('{id}', uuidv7());
  const key = isForPlatform(path) ? api().keys.platform : api().keys.one;
  const without = await api().call(method, url, { key });
  expect(without.status).toBe(404);
  for (const type of TYPES) {
    const headers = { 'content-type': type };
    for (const extra of [{}, { 'content-length': '0' }]) {
      const answer = await api().call(method, url, { key, headers: { ...headers, ...extra } });
      expect(answer.status).toBe(404);
    }
    const empty = await api().call(method, url, { key, headers, body: '' });
    expect(empty.status).toBe(404);
  }
});

test('a route that requires a body refuses an empty body with that reason', async () => {
  for (const path of ['/v1/exports', '/v1/deletions', '/v1/segments', '/v1/users']) {
    const answer = await api().call('POST', path, { body: '' });
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toContain('requires a JSON body');
  }
});
