import type { Socket } from 'node:net';

/** How long a connection takes what still comes after its answer, in milliseconds. */
const LINGER_MS = 1_000;

const ignore = (): void => {};

const lingering = new WeakSet<Socket>();

/**
 * Sends an answer to a client that may still be sending, and closes the connection. What comes
 * meanwhile is passed over: were it refused, the client's system would report a broken connection
 * in place of the answer.
 */
export const closeWith = (socket: Socket, answer: string): void => {
  // A parser that failed may fail again over the bytes that follow.
  if (lingering.has(socket)) return;
  lingering.add(socket);
  // Node hands bytes to its parser past the socket until somebody listens to them here.
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
