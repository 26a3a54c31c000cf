import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Resend } from 'resend';

/** A mail that the provider received, whether accepted or not. */
export interface SentMail {
  key: string | undefined;
  to: string;
  subject: string;
  text: string;
  html: string;
  isAccepted: boolean;
}

/**
 * A server with Resend's API, on loopback. `failing` decides for which recipients sending fails.
 */
export const startMailRecorder = async () => {
  const mails: SentMail[] = [];
  const provider = { failing: (_to: string): boolean => false };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const key = request.headers['idempotency-key'] as string | undefined;
      const mail = JSON.parse(body) as Omit<SentMail, 'key' | 'isAccepted'>;
      const status = provider.failing(mail.to) ? 500 : 200;
      mails.push({ key, ...mail, isAccepted: status === 200 });
      response.writeHead(status, { 'content-type': 'application/json' });
      const error = { statusCode: status, name: 'internal_server_error', message: 'no' };
      response.end(JSON.stringify(status === 200 ? { id: `mail-${mails.length}` } : error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(provider, {
    mails,
    mailer: new Resend('re_test', { baseUrl: `http://127.0.0.1:${port}` }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
};
