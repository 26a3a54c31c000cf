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
  /** The caller then leaves the page. @throws Problem; the session goes on then */
  signOut: () => Promise<void>;
  /**
   * A request was refused because the session has ended. Resolves once the same person has signed
   * in again. If they leave, the page is left before that.
   */
  renew: () => Promise<void>;
  /** Another tab has begun a session since: takes its token. @throws Problem */
  refresh: () => Promise<void>;
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
  /** For another person, what this page shows and is about to send is not theirs. */
  const take = (info: SessionInfo): void => {
    if ('info' in state && state.info.me.key.id !== info.me.key.id) {
      location.replace('/');
      return;
    }
    change({ status: 'signedIn', info });
    for (const goOn of waiting) goOn();
    waiting = [];
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
        if (info === undefined) change({ status: 'signedOut' });
        else take(info);
      }
      return 'info' in state ? state.info.me : undefined;
    },
    signIn: async (key) => take(await openInfo(key)),
    signOut: async () => {
      if ('info' in state) await closeInfo(state.info.csrfToken);
    },
    renew: () => {
      if (state.status === 'signedIn') change({ ...state, status: 'ended' });
      return new Promise((resolve) => waiting.push(resolve));
    },
    refresh: async () => {
      const info = await findInfo();
      if (info !== undefined) take(info);
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

const readInfo = async (response: Response): Promise<SessionInfo> => {
  if (!response.ok) throw await readProblem(response);
  return (await response.json()) as SessionInfo;
};

const findInfo = async (): Promise<SessionInfo | undefined> => {
  const response = await send({});
  if (response.status !== 401) return readInfo(response);
  // An answer that is not read keeps its connection.
  await response.text();
  return undefined;
};

const openInfo = async (key: string): Promise<SessionInfo> =>
  readInfo(
    await send({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    }),
  );

const closeInfo = async (csrfToken: string): Promise<void> => {
  const response = await send({ method: 'DELETE', headers: { 'x-csrf-token': csrfToken } });
  // 401: the session has ended already.
  if (response.ok || response.status === 401) await response.text();
  else throw await readProblem(response);
};
