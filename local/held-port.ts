import { lookup } from 'node:dns/promises';
import * as net from 'node:net';

/** The port that a process listens on. A held port cannot be taken by another program. */
export interface HeldPort {
  port: number;
  /**
   * The bound socket that a child inherits. Undefined if the port was configured: then the child
   * opens it.
   */
  fd: number | undefined;
  /** Releases the port. Call it when no child listens any more. */
  stop: () => Promise<void>;
}

/** libuv's TCP handle. */
interface BoundSocket {
  fd: number;
  getsockname: (out: { port?: number }) => number;
  close: () => void;
}

/**
 * Undocumented, but Node's own `cluster` binds with it. The documented `listen` would also accept
 * connections, and these would not reach the child.
 */
const { _createServerHandle: bindSocket } = net as unknown as {
  _createServerHandle: (address: string, port: number, family: number) => BoundSocket | number;
};

/** Returns a configured port unchanged, and replaces port 0 by a held port. */
export const holdPort = async (host: string, port: number): Promise<HeldPort> =>
  port === 0 ? holdFreePort(host) : { port, fd: undefined, stop: async () => {} };

/**
 * Binds a socket to a free port and keeps it. A child inherits the socket and listens on it, also
 * after a restart. Between two children, connections wait in the socket's queue.
 *
 * @throws Error when `host` is not an address of this machine
 */
const holdFreePort = async (host: string): Promise<HeldPort> => {
  const { address, family } = await lookup(host);
  const socket = bindSocket(address, 0, family);
  if (typeof socket === 'number') throw new Error(`HOST: no port of ${host} can be opened.`);
  const name: { port?: number } = {};
  socket.getsockname(name);
  return { port: name.port ?? 0, fd: socket.fd, stop: async () => socket.close() };
};
