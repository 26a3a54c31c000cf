import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from './app.ts';

/**
 * When the API stops, idle connections are closed at once, and busy connections after their
 * response. Node itself would wait for connections that never carried a request, as browsers open
 * them in advance, and for connections that stay open after a response.
 */
export const closeUnusedConnections = (app: App): void => {
  const sockets = new Set<Socket>();
  const answers = new Set<ServerResponse>();
  app.server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  app.server.on('request', (_request, answer) => {
    answers.add(answer);
    answer.once('close', () => answers.delete(answer));
  });
  app.addHook('preClose', async () => {
    const busy = new Set([...answers].map(({ req }) => req.socket));
    for (const answer of answers) closeAfter(answer);
    for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
  });
};

/**
 * Closes the connection once the response is sent, and announces it to the client if possible.
 */
const closeAfter = (answer: ServerResponse): void => {
  const { socket } = answer.req;
  if (!answer.headersSent) answer.shouldKeepAlive = false;
  answer.once('close', () => socket.destroySoon());
};
