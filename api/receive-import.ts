import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { importOptionsSchema, type WantedImport } from './import-options.ts';
import { problem } from './problems.ts';
import { type ReceivedForm, receiveForm } from './receive-form.ts';

export type ReceivedImport = ReceivedForm<WantedImport>;

/** @throws ProblemError when options contradict each other */
const requireSense = ({ mode, mergeTags }: WantedImport): void => {
  if (mode !== 'insert' || !mergeTags) return;
  const detail = 'does nothing in mode insert; leave it out';
  throw problem('unprocessable', `/options/mergeTags: ${detail}`, {
    errors: [{ detail, pointer: '/options/mergeTags' }],
  });
};

/** Reads an import's body; see `receiveForm`. */
export const receiveImport = (
  request: IncomingMessage,
  store: (content: Readable) => Promise<void>,
  stop: AbortController,
): Promise<ReceivedImport> =>
  receiveForm(request, { options: importOptionsSchema, check: requireSense, store }, stop);
