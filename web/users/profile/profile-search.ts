const STATES = ['edit', 'hold', 'delete'] as const;

/** What the address of a user's page says beside the id. */
export interface ProfileSearch {
  /** The form or dialog that is open. */
  do?: (typeof STATES)[number] | undefined;
}

export const readProfileSearch = (raw: Record<string, unknown>): ProfileSearch => ({
  do: STATES.find((state) => state === raw['do']),
});
