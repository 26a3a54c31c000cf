import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { holdPort, type HeldPort } from '../../local/held-port.ts';

const HOST = '127.0.0.1';
/** Answers every request with its process id. */
const SERVER = `require('node:http')
  .createServer((_, response) => response.end(String(process.pid)))
  .listen({ fd: 3 })`;

let held: HeldPort | undefined;
let child: ChildProcess | undefined;

const startChild = (): ChildProcess => {
  child = spawn(process.execPath, ['-e', SERVER], {
    stdio: ['ignore', 'ignore', 'ignore', held!.fd!],
  });
  return child;
};

const killChild = async (): Promise<void> => {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
};

/** The request waits until a child has listened for the first time. */
const ask = async (): Promise<number> =>
  Number(await (await fetch(`http://${HOST}:${held!.port}`)).text());

const take = async (port: number, host = HOST): Promise<void> => {
  const server = createServer().listen(port, host);
  await once(server, 'listening').finally(() => server.close());
};

afterEach(async () => {
  await killChild();
  await held?.stop();
});

test('a restarted child listens on the same port, which no other program could take meanwhile', async () => {
  held = await holdPort(HOST, 0);
  const first = startChild();
  await expect.poll(ask).toBe(first.pid);
  await killChild();
  await expect(take(held.port)).rejects.toThrow('EADDRINUSE');
  const waiting = ask();
  const second = startChild();
  expect(await waiting).toBe(second.pid);
});

test('a port is held before a program listens on it, and is free after the hold', async () => {
  held = await holdPort(HOST, 0);
  const servers = Array.from({ length: 500 }, () => createServer().listen(0, HOST));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  expect(ports).not.toContain(held.port);
  await held.stop();
  await expect(take(held.port)).resolves.toBeUndefined();
  held = undefined;
});

test('host names of this machine can be held, and a port that is set is left to the child', async () => {
  for (const host of ['localhost', '0.0.0.0']) {
    held = await holdPort(host, 0);
    expect(held.port).toBeGreaterThan(0);
    await held.stop();
  }
  held = await holdPort(HOST, 8080);
  expect(held).toMatchObject({ port: 8080, fd: undefined });
});

test('the error for an address of another machine names the setting', async () => {
  held = undefined;
  await expect(holdPort('192.0.2.1', 0)).rejects.toThrow('HOST');
});
