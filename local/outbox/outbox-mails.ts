import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { writePrivateFile } from '../data-folder.ts';

/** Older mails are dropped, and removed from the file at the next start. */
const KEPT_MAILS = 1_000;
/** As long as Resend remembers a key: https://resend.com/docs/dashboard/emails/idempotency-keys */
const KEY_LIFE_MS = 24 * 60 * 60 * 1_000;
const LONGEST_KEY = 256;
const MOST_RECIPIENTS = 50;

const addresses = z.union([
  z
    .string()
    .min(3)
    .transform((address) => [address]),
  z.array(z.string().min(3)).min(1).max(MOST_RECIPIENTS),
]);

/** The fields that Keepsake uses of https://resend.com/docs/api-reference/emails/send-email */
const payloadSchema = z.looseObject({
  from: z.string().min(3),
  to: addresses,
  subject: z.string().min(1),
  html: z.string().optional(),
  text: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

/** A mail as `GET /emails` lists it. */
export interface OutboxMail {
  id: string;
  from: string;
  to: string[];
  subject: string;
  html: string | null;
  text: string | null;
  headers: Record<string, string>;
  idempotencyKey: string | null;
  receivedAt: string;
}

interface StoredMail {
  mail: OutboxMail;
  /** Shows whether a key was used again with the same payload. */
  payloadSha256: string;
}

type Acceptance =
  | { status: 'accepted'; id: string }
  | {
      status: 'refused';
      name: 'invalid_idempotency_key' | 'validation_error' | 'invalid_idempotent_request';
      message: string;
    };

/** The mails of an outbox, stored in a file with one JSON object per line. */
export interface OutboxMails {
  /** Accepts a mail once per key. The mail is on disk when this returns. */
  accept: (payload: unknown, idempotencyKey: string | undefined) => Acceptance;
  /** Oldest first. */
  list: () => OutboxMail[];
  close: () => void;
}

export const openOutboxMails = (path: string): OutboxMails => {
  const mails = readMails(path).slice(-KEPT_MAILS);
  writePrivateFile(path, mails.map(toLine).join(''));
  const file = openSync(path, 'a', 0o600);

  const findByKey = (key: string): StoredMail | undefined =>
    mails.findLast(
      ({ mail: { idempotencyKey, receivedAt } }) =>
        idempotencyKey === key && Date.now() - Date.parse(receivedAt) < KEY_LIFE_MS,
    );

  return {
    accept: (payload, key) => {
      if (key !== undefined && (key.length < 1 || key.length > LONGEST_KEY)) {
        const message = `The key must have 1 to ${LONGEST_KEY} characters.`;
        return { status: 'refused', name: 'invalid_idempotency_key', message };
      }
      const parsed = payloadSchema.safeParse(payload);
      if (!parsed.success) {
        const message = z.prettifyError(parsed.error);
        return { status: 'refused', name: 'validation_error', message };
      }
      const stored = toStored(parsed.data, key);
      const known = key === undefined ? undefined : findByKey(key);
      if (known !== undefined && known.payloadSha256 !== stored.payloadSha256) {
        const message = 'Same idempotency key used with a different request payload.';
        return { status: 'refused', name: 'invalid_idempotent_request', message };
      }
      if (known !== undefined) return { status: 'accepted', id: known.mail.id };
      writeSync(file, toLine(stored));
      fsyncSync(file);
      mails.push(stored);
      if (mails.length > KEPT_MAILS) mails.shift();
      return { status: 'accepted', id: stored.mail.id };
    },
    list: () => mails.map(({ mail }) => mail),
    close: () => closeSync(file),
  };
};

/**
 * Reads the stored mails. A line cut off by a crash is left out: its sender got no answer and sends
 * the mail again.
 */
const readMails = (path: string): StoredMail[] => {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  return lines.filter(Boolean).flatMap((line) => {
    try {
      return [JSON.parse(line) as StoredMail];
    } catch {
      return [];
    }
  });
};

const toLine = (stored: StoredMail): string => `${JSON.stringify(stored)}\n`;

const toStored = (payload: z.infer<typeof payloadSchema>, key: string | undefined): StoredMail => ({
  mail: {
    id: uuidv7(),
    from: payload.from,
    to: payload.to,
    subject: payload.subject,
    html: payload.html ?? null,
    text: payload.text ?? null,
    headers: payload.headers ?? {},
    idempotencyKey: key ?? null,
    receivedAt: new Date().toISOString(),
  },
  payloadSha256: hashOf(payload),
});

const hashOf = (payload: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(sorted(payload)))
    .digest('hex');

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
};
