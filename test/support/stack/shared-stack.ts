import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LocalInfo } from '../../../local/stack.ts';
import { startTestStack } from './start-test-stack.ts';

export interface SharedStackInfo {
  info: LocalInfo;
  dataDir: string;
}

export interface SharedStack {
  /** Answers with {@link SharedStackInfo} once the stack is ready. */
  url: string;
  stop: () => Promise<void>;
}

/** Serves one stack for the files of a run. It starts at the first request, and only then. */
export const serveSharedStack = async (): Promise<SharedStack> => {
  let started: ReturnType<typeof startTestStack> | undefined;
  const server = createServer((_request, response) => {
    started ??= startTestStack();
    started.then(
      ({ stack, dataDir }) => response.end(JSON.stringify({ info: stack.info(), dataDir })),
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
