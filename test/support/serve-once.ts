import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ServedPart {
  /** Answers with the JSON of the part once it is ready. */
  url: string;
  stop: () => Promise<void>;
}

/**
 * Shares one part, such as a stack, between the processes of a run. It starts at the first request,
 * and only then.
 */
export const serveOnce = async <Part extends { stop: () => Promise<void> }>(
  start: () => Promise<Part>,
  describe: (part: Part) => unknown,
): Promise<ServedPart> => {
  let started: Promise<Part> | undefined;
  const server = createServer((_request, response) => {
    started ??= start();
    started.then(
      (part) => response.end(JSON.stringify(describe(part))),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.close();
      await (await started)?.stop();
    },
  };
};
