import { lookup } from 'node:dns/promises';
import * as net from 'node:net';

/** A port that no other program can take, and where our processes listen. */
export interface HeldPort {
  port: number;
  /**
   * The bound socket, for a child to inherit; none when the port was set and only the child opens
   * it.
   */
  fd: number | undefined;
  /** Ends the hold, once no child listens any more. */
  stop: () => Promise<void>;
}

/** What libuv calls a TCP handle. */
interface BoundSocket {
  fd: number;
  getsockname: (out: { port?: number }) => number;
  close: () => void;
}

/**
 * Not documented, but what Node's own `cluster` binds by: the documented `listen` also accepts, and
 * a connection that is accepted here does not reach the child.
 */
const { _createServerHandle: bindSocket } = net as unknown as {
  _createServerHandle: (address: string, port: number, family: number) => BoundSocket | number;
};

/**
 * Binds a socket to a free port and keeps it. A child that inherits it listens on it, and so does
 * the next one after a restart; in between, connections wait in the socket's queue.
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

/** A port that is set stays as it is; 0 becomes a port that is held. */
export const holdPort = async (host: string, port: number): Promise<HeldPort> =>
  port === 0 ? holdFreePort(host) : { port, fd: undefined, stop: async () => {} };
