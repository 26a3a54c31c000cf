import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { unprocessable } from './import-mapping.ts';
import { contradictionsOf, importOptionsSchema, type WantedImport } from './import-options.ts';
import { type ReceivedForm, receiveForm } from './receive-form.ts';

export type ReceivedImport = ReceivedForm<WantedImport>;

/** How to process the parts of an import. */
export interface ImportReceiver {
  check: (options: WantedImport) => Promise<ReadonlySet<string>>;
  store: (content: Readable) => Promise<void>;
}

/**
 * Reads an import's body; see `receiveForm`. @throws ProblemError when options contradict each
 * other
 */
export const receiveImport = (
  request: IncomingMessage,
  { check, store }: ImportReceiver,
  stop: AbortController,
): Promise<ReceivedImport> => {
  const checkAll = async (options: WantedImport): Promise<ReadonlySet<string>> => {
    const errors = contradictionsOf(options);
    if (errors.length > 0) throw unprocessable(errors);
    return check(options);
  };
  return receiveForm(request, { options: importOptionsSchema, check: checkAll, store }, stop);
};
