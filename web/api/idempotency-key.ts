const KEY_BYTES = 16;

interface KeyStorage {
  getItem: (name: string) => string | null;
  setItem: (name: string, value: string) => void;
  removeItem: (name: string) => void;
}

export interface IdempotencyKey {
  /** The same until {@link IdempotencyKey.end}, also after a reload and another sign-in. */
  value: string;
  /** Call this once the request is answered: the next one needs another key. */
  end: () => void;
}

/**
 * The key of what a dialog is about to start, such as `delete:<preview id>`. A second dialog for
 * the same purpose has the same key, so the job cannot start twice.
 *
 * @param storage `sessionStorage`: the key belongs to the tab
 */
export const openIdempotencyKey = (purpose: string, storage: KeyStorage): IdempotencyKey => {
  const name = `keepsake-key:${purpose}`;
  const value = storage.getItem(name) ?? createKey();
  storage.setItem(name, value);
  return { value, end: () => storage.removeItem(name) };
};

/** Not `randomUUID`, which a browser has only for https and localhost. */
const createKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(KEY_BYTES))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
