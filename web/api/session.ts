import { readProblem, unreachable } from './problem.ts';
import type { Me, SessionInfo } from './session-info.ts';

/** `unknown` until the server was asked; `ended` while the person must sign in again. */
export type SessionState =
  | { status: 'unknown' | 'signedOut' }
  | { status: 'signedIn' | 'ended'; info: SessionInfo };

/** The session of this tab. The cookie is out of reach of scripts; this has the rest. */
export interface Session {
  state: () => SessionState;
  subscribe: (listener: () => void) => () => void;
  /** Finds the session of the cookie; asks the server only once. @throws Problem */
  find: () => Promise<Me | undefined>;
  /** @throws Problem if the key is refused */
  signIn: (key: string) => Promise<void>;
  /** @throws Problem; the session goes on then */
  signOut: () => Promise<void>;
  /**
   * A request was refused because the session has ended. Resolves once the same person has signed
   * in again.
   */
  renew: () => Promise<void>;
}

const PATH = '/v1/session';

export const createSession = (): Session => {
  let state: SessionState = { status: 'unknown' };
  const listeners = new Set<() => void>();
  let waiting: (() => void)[] = [];
  const change = (next: SessionState): void => {
    state = next;
    for (const listener of listeners) listener();
  };

  return {
    state: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    find: async () => {
      if (state.status === 'unknown') {
        const info = await findInfo();
        change(info === undefined ? { status: 'signedOut' } : { status: 'signedIn', info });
      }
      return 'info' in state ? state.info.me : undefined;
    },
    signIn: async (key) => {
      const info = await openInfo(key);
      if (state.status === 'ended' && state.info.me.key.id !== info.me.key.id) {
        // Another person: what this page shows and is about to send is not theirs.
        location.replace('/');
        return;
      }
      change({ status: 'signedIn', info });
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    signOut: async () => {
      if ('info' in state) await closeInfo(state.info.csrfToken);
      change({ status: 'signedOut' });
    },
    renew: () => {
      if ('info' in state && state.status === 'signedIn') change({ ...state, status: 'ended' });
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
};

const send = async (init: RequestInit): Promise<Response> => {
  try {
    return await fetch(PATH, init);
  } catch (error) {
    throw unreachable(error);
  }
};

const findInfo = async (): Promise<SessionInfo | undefined> => {
  const response = await send({});
  if (response.status === 401) return undefined;
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as SessionInfo;
};

const openInfo = async (key: string): Promise<SessionInfo> => {
  const response = await send({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  });
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as SessionInfo;
};

const closeInfo = async (csrfToken: string): Promise<void> => {
  const response = await send({ method: 'DELETE', headers: { 'x-csrf-token': csrfToken } });
  // 401: the session has ended already.
  if (!response.ok && response.status !== 401) throw await readProblem(response);
};
