import type { IncomingMessage, ServerResponse } from 'node:http';

/** The health of a worker, for tools that start and watch processes. */
export interface Health {
  /** Sets what is missing now. */
  say: (missing: string[]) => void;
  /** From now on calls `ask` for each request. */
  askBy: (ask: () => Promise<string[]>) => void;
  /** Sentences that say why the worker does not work; empty if it works. */
  missing: () => Promise<string[]>;
}

export const createHealth = (): Health => {
  let current = isStarting;
  return {
    say: (missing) => void (current = () => Promise.resolve(missing)),
    askBy: (ask) => void (current = ask),
    missing: () => current(),
  };
};

/** Answers `GET /healthz` and `GET /readyz`. Returns false for any other request. */
export const answerHealth = (
  { method, url }: IncomingMessage,
  response: ServerResponse,
  health: Health,
): boolean => {
  if (method !== 'GET') return false;
  if (url === '/healthz') {
    answer(response, 200, { status: 'ok' });
    return true;
  }
  if (url !== '/readyz') return false;
  health.missing().then(
    (missing) =>
      missing.length === 0
        ? answer(response, 200, { status: 'ok' })
        : answer(response, 503, { status: 'notReady', missing }),
    (error: Error) => response.destroy(error),
  );
  return true;
};

const isStarting = (): Promise<string[]> => Promise.resolve(['the worker is starting.']);

const answer = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
