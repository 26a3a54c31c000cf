import { createServer, type AddressInfo } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** Listens for a moment. @throws the system's error when the port cannot be had */
const tryPort = (port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const { port: taken } = server.address() as AddressInfo;
      server.close(() => resolve(taken));
    });
  });

/** A port of this host that nobody listens on at the moment; it is not reserved. */
export const freePort = (host = LOOPBACK): Promise<number> => tryPort(0, host);

export const isPortFree = async (port: number, host = LOOPBACK): Promise<boolean> => {
  try {
    await tryPort(port, host);
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
    await tryPort(port, host);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why =
      code === 'EADDRINUSE'
        ? `port ${port} on ${host} is taken by another program`
        : `port ${port} on ${host} cannot be used (${code})`;
    throw new Error(
      `${name} cannot start: ${why}. Set ${envName} to a free port, or to 0 to have one chosen.`,
      { cause: error },
    );
  }
};
