import { noteKeyUse } from '../db/api-keys.ts';
import type { Db } from '../db/client.ts';
import type { Actor } from './actor.ts';
import type { App } from './http/app.ts';

/**
 * How long a recorded use of a key covers later uses, in milliseconds. The database applies the
 * same interval for all API processes.
 */
const NOTED_FOR_MS = 60_000;

export interface KeyUses {
  /** Records the use of a key or session. Returns at once, and never fails. */
  note: (actor: Pick<Actor, 'id' | 'proof' | 'session'>) => void;
}

/**
 * Records the use of keys and sessions outside the requests: one at a time, so that the records
 * hold one connection at most, and each once a minute. A use that cannot be stored is skipped.
 */
export const createKeyUses = (app: App, db: Db): KeyUses => {
  const noted = new Set<string>();
  let last = Promise.resolve();
  app.addHook('onClose', () => last);

  return {
    note: ({ id: keyId, proof, session }) => {
      // Each session has its own last use.
      const id = session?.hash ?? keyId;
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
