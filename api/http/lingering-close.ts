import type { Socket } from 'node:net';

/** How long a connection stays open for input after the response, in milliseconds. */
const LINGER_MS = 1_000;

const lingering = new WeakSet<Socket>();

/**
 * Sends a response to a client that may still be sending, and closes the connection. Further input
 * is ignored: if it were rejected, the client would see a broken connection, not the response.
 */
export const closeWith = (socket: Socket, answer: string): void => {
  // A failed parser may fail again on the following bytes.
  if (lingering.has(socket)) return;
  lingering.add(socket);
  // Node feeds bytes to its parser directly until the socket has a listener.
  socket.on('data', ignore);
  for (const listener of socket.listeners('data')) {
    if (listener !== ignore) socket.off('data', listener as () => void);
  }
  socket.on('error', ignore);
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once('end', () => socket.destroySoon());
  socket.once('close', () => clearTimeout(timer));
};

const ignore = (): void => {};
