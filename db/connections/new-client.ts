import { Client, type ClientConfig } from 'pg';

/**
 * The client of a pool. It differs from the driver's in two ways:
 *
 * - The driver reads the certificate files of DATABASE_URL as it makes a client, so that it notices
 *   new files. If one is missing, the pool would throw from a timer, and end the process. Here
 *   `connect` fails instead.
 * - If a connection fails before TLS or the login is complete, the driver leaves its socket open.
 *   Here the socket is closed.
 */
export const ClientOfPool = new Proxy(Client, {
  construct: (Made, [config]: [ClientConfig]) => {
    try {
      const client = new Made(config);
      client.connection.once('error', () => client.connection.stream.destroy());
      return client;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      return Object.assign(new Made({}), { connect: failBy(unreadable(error as Error)) });
    }
  },
});

const failBy =
  (error: Error) =>
  (callback: (error: Error) => void): void =>
    process.nextTick(callback, error);

const unreadable = (cause: Error): Error =>
  Object.assign(
    new Error(`Cannot read a certificate or key that DATABASE_URL names: ${cause.message}`, {
      cause,
    }),
    { name: 'CertificateUnreadable' },
  );
