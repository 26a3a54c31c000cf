import { defaultPayloadConverter, RawValue, rawValueTypeInfo } from '@temporalio/common';
import { defineSignal, setHandler } from '@temporalio/workflow';
import { LOOK_SIGNAL, MESSAGE_KINDS, type MessageKind } from './contract.ts';

const MAX_REASON_LENGTH = 1_000;
/** More arguments than anyone sends by mistake; each is taken as it is. */
const MAX_ARGUMENTS = 32;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KNOWN: readonly string[] = ['by', 'decisionId', 'reason'];

/** What somebody sent, as far as it could be read. */
export type Message =
  | { kind: 'look' }
  | { kind: MessageKind; malformed: true }
  | { kind: MessageKind; by: string; decisionId?: string; reason?: string };

/**
 * Payloads as they come: the SDK would decode them before any handler is asked, and one that cannot be
 * decoded would stop the workflow for good.
 */
const asTheyCome = {
  typeInfo: { inputTypes: Array.from({ length: MAX_ARGUMENTS }, () => rawValueTypeInfo) },
};

const decode = (args: readonly unknown[]): unknown => {
  const [only] = args;
  if (args.length !== 1 || !(only instanceof RawValue)) return undefined;
  try {
    return defaultPayloadConverter.fromPayload(only.payload);
  } catch {
    return undefined;
  }
};

const idOf = (value: unknown): string | undefined => {
  const id = typeof value === 'string' ? value.toLowerCase() : '';
  return UUID.test(id) ? id : undefined;
};

/** PostgreSQL stores no NUL and no half of a surrogate pair. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= MAX_REASON_LENGTH &&
  !value.includes('\0') &&
  value.isWellFormed();

/** Reads `{by, decisionId?, reason?}` and nothing else. A reason of blanks is none. */
export const readMessage = (kind: MessageKind, args: readonly unknown[]): Message => {
  const value = decode(args);
  const malformed = { kind, malformed: true } as const;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed;
  if (!Object.keys(value).every((name) => KNOWN.includes(name))) return malformed;
  const given = value as { by?: unknown; decisionId?: unknown; reason?: unknown };
  const by = idOf(given.by);
  const decisionId = idOf(given.decisionId);
  const { reason } = given;
  if (by === undefined) return malformed;
  if (given.decisionId !== undefined && decisionId === undefined) return malformed;
  if (reason !== undefined && !isText(reason)) return malformed;
  return {
    kind,
    by,
    ...(decisionId !== undefined && { decisionId }),
    ...(reason !== undefined && /\S/.test(reason) && { reason }),
  };
};

/** Takes in what is sent, from before the first step of the story on, in the order it comes. */
export const openInbox = (): Message[] => {
  const inbox: Message[] = [];
  for (const kind of MESSAGE_KINDS) {
    setHandler(defineSignal<unknown[]>(kind, asTheyCome), (...args: unknown[]) => {
      inbox.push(readMessage(kind, args));
    });
  }
  setHandler(defineSignal<unknown[]>(LOOK_SIGNAL, asTheyCome), () => {
    inbox.push({ kind: 'look' });
  });
  return inbox;
};
