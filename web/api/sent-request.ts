interface SentStorage {
  getItem: (name: string) => string | null;
  setItem: (name: string, value: string) => void;
  removeItem: (name: string) => void;
}

/** A request that was sent, and has no answer yet. */
export interface SentRequest<Body> {
  body: Body;
  /** When it was first sent: when the person confirmed it. */
  sentAt: string;
}

export interface SentRequests<Body> {
  /** Undefined if each request of the purpose was answered or given up. */
  read: () => SentRequest<Body> | undefined;
  /** Keeps a request until {@link SentRequests.remove}. Another try does not change its time. */
  keep: (body: Body, now: Date) => void;
  remove: () => void;
}

/** @param storage `sessionStorage`: the request belongs to the tab, and outlives a reload */
export const sentRequests = <Body>(purpose: string, storage: SentStorage): SentRequests<Body> => {
  const name = `keepsake-sent:${purpose}`;
  const read = (): SentRequest<Body> | undefined => {
    const text = storage.getItem(name);
    const value: unknown = text === null ? null : JSON.parse(text);
    const isSent = typeof value === 'object' && value !== null && 'sentAt' in value;
    return isSent ? (value as SentRequest<Body>) : undefined;
  };
  return {
    read,
    keep: (body, now) => {
      const sentAt = read()?.sentAt ?? now.toISOString();
      storage.setItem(name, JSON.stringify({ body, sentAt }));
    },
    remove: () => storage.removeItem(name),
  };
};
