import { noteKeyUse } from '../db/api-keys.ts';
import type { Db } from '../db/client.ts';
import type { App } from './http/app.ts';

/**
 * How long a use of a key stands for those after it, in milliseconds. The database has the same for
 * all APIs.
 */
const NOTED_FOR_MS = 60_000;

export interface KeyUses {
  /** Records the use of a key. Returns at once, and never fails. */
  note: (key: { id: string; proof: Buffer }) => void;
}

/**
 * Notes when keys are used beside the requests that use them: one at a time, so that they hold one
 * connection at most, and each key once a minute. A use that cannot be noted is left out.
 */
export const createKeyUses = (app: App, db: Db): KeyUses => {
  const noted = new Set<string>();
  let last = Promise.resolve();
  app.addHook('onClose', () => last);

  return {
    note: ({ id, proof }) => {
      if (noted.has(id)) return;
      noted.add(id);
      setTimeout(() => noted.delete(id), NOTED_FOR_MS).unref();
      last = last
        .then(() => noteKeyUse(db, proof))
        .catch((error: unknown) => {
          app.log.warn({ err: error }, 'the use of a key could not be stored');
        });
    },
  };
};
