import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const LENGTH_BYTES = 4;
/** Of a typed message: its letter, then its length. */
const HEAD_BYTES = 5;
const BACKEND_KEY_DATA = 'K'.charCodeAt(0);
const READY = 'Z'.charCodeAt(0);

export interface FakePooler {
  url: string;
  /** From now on no byte arrives, as if the network dropped all packets. Sockets stay open. */
  silence: () => void;
  /** Forwards new connections again. Those that were silenced stay silent. */
  speak: () => void;
  stop: () => Promise<void>;
}

/**
 * A proxy before PostgreSQL that behaves like a pooler: it drops a client's `options`, or answers
 * with its own process id. It can also fall silent.
 */
export const startFakePooler = async (
  databaseUrl: string,
  does: { dropsOptions?: boolean; makesKeys?: boolean } = {},
): Promise<FakePooler> => {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const sockets = new Set<Socket>();
  let isSilent = false;
  const listener = createServer({ pauseOnConnect: true }, (client) => {
    if (isSilent) {
      sockets.add(client);
      return;
    }
    const server = connect(target);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    client.once('data', (packet: Buffer) => {
      server.write(does.dropsOptions === true ? withoutOptions(packet) : packet);
      client.pipe(server);
    });
    if (does.makesKeys === true) forwardWithOtherKey(server, client);
    else server.pipe(client);
    client.resume();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  url.hostname = '127.0.0.1';
  url.port = String((listener.address() as AddressInfo).port);
  return {
    url: url.href,
    silence: () => {
      isSilent = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    speak: () => {
      isSilent = false;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
};

/** The startup packet without its `options`. */
const withoutOptions = (packet: Buffer): Buffer => {
  const protocol = packet.subarray(LENGTH_BYTES, 2 * LENGTH_BYTES);
  const fields = packet
    .subarray(2 * LENGTH_BYTES)
    .toString()
    .split('\0')
    .slice(0, -2);
  const kept = fields.filter((_, n) => fields[n - (n % 2)] !== 'options');
  const body = Buffer.concat([protocol, Buffer.from(`${kept.join('\0')}\0\0`)]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeInt32BE(body.length + LENGTH_BYTES);
  return Buffer.concat([length, body]);
};

/**
 * Copies the server's messages up to the first ReadyForQuery with another process id, then all
 * further messages unchanged.
 */
const forwardWithOtherKey = (server: Socket, client: Socket): void => {
  let rest = Buffer.alloc(0);
  const take = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEAD_BYTES && rest.length > rest.readInt32BE(1)) {
      const message = rest.subarray(0, rest.readInt32BE(1) + 1);
      rest = rest.subarray(message.length);
      if (message[0] === BACKEND_KEY_DATA) message.writeInt32BE(-7, HEAD_BYTES);
      client.write(message);
      if (message[0] === READY) {
        server.off('data', take);
        client.write(rest);
        server.pipe(client);
        return;
      }
    }
  };
  server.on('data', take);
};
