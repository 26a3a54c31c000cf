import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from './app.ts';

/**
 * Lets go, when the API is closed, of every connection on which nothing is being answered. Node itself
 * waits for those that have never carried a request, as browsers open them in advance.
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
    for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
  });
};
