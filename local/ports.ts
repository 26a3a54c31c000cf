import { createServer, type AddressInfo, type Server } from 'node:net';

const LOOPBACK = '127.0.0.1';
/**
 * A program that opens its ports itself may find each of them taken. After so many failures there
 * must be another cause.
 */
const PORT_ATTEMPTS = 5;

/**
 * Different free ports of the loopback address. They are not reserved. Use them only in
 * `withPortRetry`, for a program that cannot inherit a socket.
 */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0, LOOPBACK)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(close));
  return ports;
};

export const isPortFree = async (port: number, host = LOOPBACK): Promise<boolean> => {
  try {
    await close(await listen(port, host));
    return true;
  } catch {
    return false;
  }
};

/** @throws Error that says which setting to change, when `port` is taken or forbidden */
export const assertPortFree = async (
  name: string,
  envName: string,
  port: number,
  host = LOOPBACK,
): Promise<void> => {
  try {
    await close(await listen(port, host));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why =
      code === 'EADDRINUSE'
        ? `port ${port} on ${host} is in use by another program`
        : `port ${port} on ${host} cannot be used (${code})`;
    throw new Error(
      `${name} cannot start: ${why}. Set ${envName} to a free port, or to 0 to choose a free port automatically.`,
      { cause: error },
    );
  }
};

/**
 * Runs a start that chooses free ports and opens them later. If it throws EADDRINUSE, it runs again
 * with other ports.
 *
 * @throws the error of the last attempt, or the first other error
 */
export const withPortRetry = async <Started>(start: () => Promise<Started>): Promise<Started> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const isInUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isInUse || attempt === PORT_ATTEMPTS) throw error;
    }
  }
};

/** @throws the system's error when the port cannot be opened */
const listen = (port: number, host: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });

const close = (server: Server): Promise<unknown> =>
  new Promise((resolve) => {
    server.close(resolve);
  });
