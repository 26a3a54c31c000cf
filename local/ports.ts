import { createServer, type AddressInfo, type Server } from 'node:net';

const LOOPBACK = '127.0.0.1';
/** A program that opens its ports itself may lose each of them; so often, it has another cause. */
const PORT_ATTEMPTS = 5;

/** @throws the system's error when the port cannot be had */
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

/**
 * Different ports of loopback that are free now. They are not reserved: only for a program that
 * takes no open socket, started by `withPortRetry`.
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

/** @throws Error saying which setting to change, when `port` is taken or may not be used */
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
 * Runs a start that chooses its ports and opens them later. When it throws EADDRINUSE, it runs
 * again and chooses others. @throws the error of the last attempt, or the first other error
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
