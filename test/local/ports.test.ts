import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { assertPortFree, freePorts, isPortFree, withPortRetry } from '../../local/ports.ts';

const takePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

const inUse = () => Object.assign(new Error('in use'), { code: 'EADDRINUSE' });

test('free ports differ, and can be listened on', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  expect(await isPortFree(ports[0]!)).toBe(true);
  await expect(assertPortFree('The API', 'PORT', ports[0]!)).resolves.toBeUndefined();
});

test('the error for a taken port names the setting to change', async () => {
  const port = await takePort();
  expect(await isPortFree(port)).toBe(false);
  await expect(assertPortFree('Temporal', 'TEMPORAL_PORT', port)).rejects.toThrow(
    `Temporal cannot start: port ${port} on 127.0.0.1 is in use by another program. Set TEMPORAL_PORT`,
  );
});

test('a start with an address in use is tried again, at most five times', async () => {
  const once = vi
    .fn<() => Promise<string>>()
    .mockRejectedValueOnce(inUse())
    .mockResolvedValue('up');
  expect(await withPortRetry(once)).toBe('up');
  const never = vi.fn<() => Promise<string>>().mockRejectedValue(inUse());
  await expect(withPortRetry(never)).rejects.toThrow('in use');
  expect(never).toHaveBeenCalledTimes(5);
});

test('a start with another error, or on a port that is set, is not tried again', async () => {
  const broken = vi.fn<() => Promise<string>>().mockRejectedValue(new Error('no disk'));
  await expect(withPortRetry(broken)).rejects.toThrow('no disk');
  expect(broken).toHaveBeenCalledTimes(1);
  const port = await takePort();
  const set = vi.fn<() => Promise<void>>(() => assertPortFree('Temporal', 'TEMPORAL_PORT', port));
  await expect(withPortRetry(set)).rejects.toThrow('Set TEMPORAL_PORT');
  expect(set).toHaveBeenCalledTimes(1);
});
