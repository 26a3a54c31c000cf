import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';

/** A request that a receiver got. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface Receiver {
  received: Received[];
  /** Number of connections, including those without a request. */
  connections: () => number;
  port: number;
  url: (path?: string) => string;
  stop: () => Promise<void>;
}

/** How a receiver answers: with a status and optional headers, or through `response`. */
export type Answering = (
  request: Received,
  response: ServerResponse,
) => number | [status: number, headers: Record<string, string>] | undefined;

/** For `hooks.example`, self-signed. */
const SELF_SIGNED = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIjI+lsvDMDVTTf1u
nj/UeG9yGbjLDGQq/qhNGJIkPZehRANCAARuJbm6sh3FdlviiDaV17zfmU/Db/Vk
45y71YXw1TyCKtsjH464kZm3kHmbkzTyo5D1zoTg8BrH40nT3m6niepr
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBoDCCAUegAwIBAgIUEu1Sqpr02bqF/ApRSCy6S1tSKn0wCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNaG9va3MuZXhhbXBsZTAgFw0yNjExMjkxMjE3MjBaGA8yMTI2
MTEwNTEyMTcyMFowGDEWMBQGA1UEAwwNaG9va3MuZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABG4lubqyHcV2W+KINpXXvN+ZT8Nv9WTjnLvVhfDVPIIq
2yMfjriRmbeQeZuTNPKjkPXOhODwGsfjSdPebqeJ6mujbTBrMB0GA1UdDgQWBBTo
PN3SqIvHPe0mdAPou23lIzYXATAfBgNVHSMEGDAWgBToPN3SqIvHPe0mdAPou23l
IzYXATAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDWhvb2tzLmV4YW1wbGUw
CgYIKoZIzj0EAwIDRwAwRAIgbm5/CUoKZrRCuyI/kahUI4HpU6+xECZu3+r4HyFH
rVECIGZAH5C804MCt1rxmLEAITWorAJfnmy1VDVS0n7psV0F
-----END CERTIFICATE-----`,
};

/** The certificate of receivers that use TLS. */
export const RECEIVER_CERTIFICATE = SELF_SIGNED.cert;

interface ReceiverOptions {
  host?: string;
  /** Default: any free port. */
  port?: number;
  isTls?: boolean;
}

/** A real HTTP server that records its requests. Answers 204 by default. */
export const startReceiver = async (
  answer: Answering = () => 204,
  { host = '127.0.0.1', port: wanted = 0, isTls = false }: ReceiverOptions = {},
): Promise<Receiver> => {
  const received: Received[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const one = { method, path, headers, body: Buffer.concat(chunks).toString() };
      received.push(one);
      const answered = answer(one, response);
      if (answered === undefined) return;
      const [status, own] = [answered].flat() as [number, Record<string, string>?];
      response.writeHead(status, own ?? {}).end();
    });
  };
  const server = isTls ? createTlsServer(SELF_SIGNED, listener) : createServer(listener);
  let connections = 0;
  server.on('connection', () => (connections += 1));
  const port = await listen(server, host, wanted);
  return {
    received,
    connections: () => connections,
    port,
    url: (path = '/hook') => `${isTls ? 'https' : 'http'}://${host}:${port}${path}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

const listen = async (server: Server, host: string, port: number): Promise<number> => {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};
