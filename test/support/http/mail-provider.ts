import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the stand-in for Resend answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface SeenMail {
  key: string | undefined;
  body: string;
  /** Whether this request was answered as accepted. Its sender may not have received the answer. */
  isAccepted: boolean;
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

export const html =
  (status: number): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' });
    response.end('<html>Bad gateway</html>');
  };

export const accepted = json(200, { id: 'mail-1' });
export const noAnswer: Answer = () => {};
export const cut: Answer = (request) => request.socket.destroy();
export const startOfAnswer: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"id":');
};
/** Accepts the mail, but its answer never arrives completely. */
export const acceptedThenReset: Answer = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"id":');
  setTimeout(() => request.socket.resetAndDestroy(), 20);
};

const TAKEN: readonly Answer[] = [accepted, acceptedThenReset];

/** A server with Resend's API. Each request gets the next answer; the last answer is repeated. */
export const startMailProvider = async (...answers: Answer[]) => {
  const seen: SeenMail[] = [];
  let planned = answers;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const answer = (planned.length > 1 ? planned.shift() : planned[0]) ?? accepted;
      const key = request.headers['idempotency-key'] as string | undefined;
      seen.push({ key, body, isAccepted: TAKEN.includes(answer) });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    /** Sets the next answers, and drops the answers that were planned before. */
    plan: (...next: Answer[]): void => {
      planned = next;
    },
    stop: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
