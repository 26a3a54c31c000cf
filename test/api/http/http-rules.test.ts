import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { useApi } from '../support.ts';

const api = useApi();
let port = 0;

beforeAll(async () => {
  const { app } = api();
  await app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = app.server.address() as AddressInfo);
});

/** All that the server sends for the text, until it closes the connection. */
const answerTo = async (text: string): Promise<string> => {
  const socket = connect({ host: '127.0.0.1', port });
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += String(chunk)));
  socket.write(text);
  await once(socket, 'close');
  return answer;
};

const headOf = (lines: readonly string[]): string =>
  [...lines, `authorization: Bearer ${api().keys.one}`, 'connection: close', '\r\n'].join('\r\n');

test.each([
  ['a missing Host', ['GET /v1/users HTTP/1.1'], 400, 'invalid-request'],
  ['an unknown path without Host', ['GET /nothing HTTP/1.1'], 400, 'invalid-request'],
  [
    'an unknown Expect',
    ['GET /v1/users HTTP/1.1', 'host: x', 'expect: y'],
    417,
    'expectation-failed',
  ],
  [
    'a path that is not valid',
    ['GET /v1/users/%E0%A4%A HTTP/1.1', 'host: x'],
    400,
    'invalid-request',
  ],
  [
    'a header that is not valid',
    ['GET /v1/users HTTP/1.1', 'host: x', 'x\0: y'],
    400,
    'invalid-request',
  ],
])(
  '%s is answered with a problem, whose request id is in the header, too',
  async (_what, lines, status, slug) => {
    const [head = '', body = ''] = (await answerTo(headOf(lines))).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head).toMatch(/^content-type: application\/problem\+json; charset=utf-8$/im);
    const problem = JSON.parse(body) as { type: string; requestId: string };
    expect(problem.type).toBe(`/problems/${slug}`);
    expect(/^x-request-id: (.*?)\r?$/im.exec(head)?.[1]).toBe(problem.requestId);
  },
);

test('a request of HTTP/1.0 needs no Host', async () => {
  expect(await answerTo(headOf(['GET /v1/users HTTP/1.0']))).toMatch(/^HTTP\/1\.1 200 /);
});

test('the body of a request with Expect: 100-continue is asked for and read', async () => {
  const socket = connect({ host: '127.0.0.1', port });
  const body = '{"userId": "expected"}';
  const lines = ['POST /v1/users HTTP/1.1', 'host: x', 'expect: 100-continue'];
  const length = ['content-type: application/json', `content-length: ${body.length}`];
  socket.write(headOf([...lines, ...length]));
  const [first] = (await once(socket, 'data')) as [Buffer];
  expect(String(first)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  socket.write(body);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
  await once(socket, 'close');
});
