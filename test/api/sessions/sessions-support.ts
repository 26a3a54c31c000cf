import { expect } from 'vitest';
import type { TestApi } from '../support.ts';

export interface SignedIn {
  /** The header `Cookie` of the session. */
  cookie: string;
  sessionId: string;
  csrfToken: string;
  expiresAt: string;
  /** Both headers of an unsafe request. */
  headers: { cookie: string; 'x-csrf-token': string };
}

/** Signs in with a key. */
export const signIn = async ({ call }: Pick<TestApi, 'call'>, key: string): Promise<SignedIn> => {
  const { status, headers, body } = await call('POST', '/v1/session', { key: null, body: { key } });
  expect(status).toBe(200);
  const [cookie = ''] = String(headers['set-cookie']).split(';');
  const { csrfToken, expiresAt } = body as SignedIn;
  return {
    cookie,
    sessionId: cookie.slice(cookie.indexOf('=') + 1),
    csrfToken,
    expiresAt,
    headers: { cookie, 'x-csrf-token': csrfToken },
  };
};
