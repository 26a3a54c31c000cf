import type { LocalInfo } from '../../../local/stack.ts';
import { serveOnce, type ServedPart } from '../serve-once.ts';
import { startTestStack } from './start-test-stack.ts';

export interface SharedStackInfo {
  info: LocalInfo;
  dataDir: string;
}

/** Serves one stack for the files of a run: it answers with {@link SharedStackInfo}. */
export const serveSharedStack = (): Promise<ServedPart> =>
  serveOnce(startTestStack, ({ stack, dataDir }): SharedStackInfo => ({
    info: stack.info(),
    dataDir,
  }));
