import createFetchClient from 'openapi-fetch';
import createQueryHooks from 'openapi-react-query';
import { useEndingChange } from './ending-change.ts';
import { useKnownFailure } from './known-failure.ts';
import { type Problem, readProblem, unreachable } from './problem.ts';
import type { paths } from './schema.d.ts';
import type { Session } from './session.ts';

const TOKEN = 'x-csrf-token';
const SAFE = new Set(['GET', 'HEAD']);

/** The API by paths: `api.useQuery('get', '/v1/jobs', …)`. Each failure is a `Problem`. */
export type Api = ReturnType<typeof createApi>;

export const createApi = (session: Session) => {
  const hooks = createQueryHooks(
    createFetchClient<paths>({ fetch: (request) => sendInSession(request, session) }),
  );
  return {
    ...hooks,
    useQuery: knowingFailure(hooks.useQuery),
    useInfiniteQuery: knowingFailure(hooks.useInfiniteQuery),
    useMutation: endingWithPart(hooks.useMutation),
  };
};

/** The same hook, with a query that reports each failure: its arguments begin with its key. */
const knowingFailure = <Hook>(hook: Hook): Hook => {
  const useRead = hook as (...args: unknown[]) => Parameters<typeof useKnownFailure>[0];
  const useFailingRead: typeof useRead = (...args) =>
    useKnownFailure(useRead(...args), args.slice(0, 3));
  return useFailingRead as Hook;
};

/** The same hook, with a change that is not sent after its part of the page is gone. */
const endingWithPart = <Hook>(hook: Hook): Hook => {
  const useChange = hook as (...args: unknown[]) => Parameters<typeof useEndingChange>[0];
  const useChangeOfPart: typeof useChange = (...args) => useEndingChange(useChange(...args));
  return useChangeOfPart as Hook;
};

/**
 * Sends a request with the token of the session. If the session has ended, the request waits until
 * the person has signed in again, and is then sent as it was, with the same idempotency key.
 *
 * @throws Problem
 */
const sendInSession = async (request: Request, session: Session): Promise<Response> => {
  request.signal.throwIfAborted();
  const again = request.clone();
  const response = await sendOnce(request, session);
  if (response.ok) return response;
  const problem = await readProblem(response);
  const isRenewed = await renewAfter(problem, session, request.headers.get(TOKEN));
  // Somebody who gave it up, and then signs in again, does not send it by that.
  if (!isRenewed || again.signal.aborted) throw problem;
  return sendInSession(again, session);
};

/** Whether the session is now such that the same request may succeed. */
const renewAfter = async (
  { status, slug }: Problem,
  session: Session,
  sentToken: string | null,
): Promise<boolean> => {
  if (status === 401) {
    await session.renew();
    return true;
  }
  if (slug !== 'csrf-token-invalid') return false;
  await session.refresh();
  const state = session.state();
  return 'info' in state && state.info.csrfToken !== sentToken;
};

const sendOnce = async (request: Request, session: Session): Promise<Response> => {
  const state = session.state();
  // Reads have it, too: they are refused once another tab has signed somebody else in.
  if ('info' in state) request.headers.set(TOKEN, state.info.csrfToken);
  // A change that is on its way is not taken back.
  const sent = SAFE.has(request.method) ? request : new Request(request, { signal: null });
  try {
    return await fetch(sent);
  } catch (error) {
    // Aborted by the page that needed it: no failure of the server.
    if (request.signal.aborted) throw error;
    throw unreachable(error);
  }
};
