import { createHmac, timingSafeEqual } from 'node:crypto';
import { listDeciders } from '../../db/delete-all/decisions.ts';
import type { Db } from '../../db/client.ts';
import type { MessageKind } from '../../workflows/contracts/delete-all.ts';

/** Separates these signatures from all others that use the same secret. */
const CONTEXT = 'keepsake decision code v1';
/** 100 bits, in groups that are easy to read aloud. */
const GROUPS = 4;
const GROUP_LENGTH = 5;
/**
 * Digits and letters that cannot be mistaken for each other; 32 of them, so each stands for five
 * bits.
 */
const ALPHABET = '23456789abcdefghijkmnpqrstuvwxyz';

/** The decisions that a signal from Temporal's UI or CLI can make. All others need the API. */
export const CODED_KINDS = ['approve', 'deny', 'revoke', 'withdraw'] as const;
export type CodedKind = (typeof CODED_KINDS)[number];

/**
 * The code that lets one person make one decision on one request: `xxxxx-xxxxx-xxxxx-xxxxx`. The
 * same input always gives the same code. So the code is not stored, and a mail that is sent again
 * is identical.
 */
export const decisionCodeOf = (
  secret: string,
  { requestId, kind, person }: { requestId: string; kind: MessageKind; person: string },
): string => {
  const words = [CONTEXT, requestId, kind, person].join('\n');
  const bytes = createHmac('sha256', secret).update(words).digest();
  const letters = [...bytes.subarray(0, GROUPS * GROUP_LENGTH)].map((byte) => ALPHABET[byte & 31]);
  return Array.from({ length: GROUPS }, (_, group) =>
    letters.slice(group * GROUP_LENGTH, (group + 1) * GROUP_LENGTH).join(''),
  ).join('-');
};

/**
 * The id of the key of the person that the code belongs to, among those allowed to make the
 * decision. Undefined if the code belongs to none of them.
 */
export const findCodeHolder = async (
  db: Db,
  secret: string,
  about: { requestId: string; workspaceId: string; kind: MessageKind; code: string },
): Promise<string | undefined> => {
  const kind = CODED_KINDS.find((coded) => coded === about.kind);
  if (kind === undefined) return undefined;
  const role = kind === 'withdraw' ? 'admin' : 'platform';
  const deciders = await listDeciders(db, role, about.workspaceId);
  const { requestId, code } = about;
  return deciders.find(({ person }) =>
    isSame(code, decisionCodeOf(secret, { requestId, kind, person })),
  )?.id;
};

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
