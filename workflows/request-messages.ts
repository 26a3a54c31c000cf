import { defaultPayloadConverter, RawValue, rawValueTypeInfo } from '@temporalio/common';
import { defineSignal, setHandler } from '@temporalio/workflow';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import {
  isUrgent,
  LOOK_SIGNAL,
  MESSAGE_KINDS,
  type Message,
  type MessageKind,
} from './contracts/delete-all.ts';
import { MAX_REASON_LENGTH } from './contracts/jobs.ts';

/** More arguments than a person sends by mistake. Each is received as a raw payload. */
const MAX_ARGUMENTS = 32;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CODE = /^[a-z0-9-]{8,64}$/;
/** Earlier versions of the API and the docs also sent `by`. It proves nothing. */
const KNOWN: readonly string[] = ['by', 'code', 'decisionId', 'reason'];
/** Names of unknown signals that are safe to show. */
const SHOWN_NAME = /^[\w.-]{1,60}$/;

/** The most messages of each sort that wait. Further messages are counted and dropped. */
const MAX_WAITING = 50;
/** The most useless messages that may each write a row. */
const MAX_TRACES = 20;

/**
 * Receives payloads undecoded. The SDK would decode them before it calls a handler, and a payload
 * that cannot be decoded would block the workflow for good.
 */
const rawPayloads = {
  typeInfo: { inputTypes: Array.from({ length: MAX_ARGUMENTS }, () => rawValueTypeInfo) },
};

/** The next thing to handle: one message, or the rows of several messages. */
export type Turn =
  | Message
  | { kind: 'rows'; rows: { id: string; kind: MessageKind }[]; more: boolean };

export interface Inbox {
  isEmpty: () => boolean;
  next: () => Turn | undefined;
  /** The waiting messages, for the next run of the workflow; at most `MAX_WAITING` of each sort. */
  unread: () => Message[];
  /** How many messages were dropped. */
  dropped: () => number;
}

/** Parses `{decisionId}` or `{code, reason?}`. A blank reason is left out. */
export const readMessage = (kind: MessageKind, args: readonly unknown[]): Message => {
  const value = decode(args);
  const malformed = { kind, malformed: true } as const;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed;
  if (!Object.keys(value).every((name) => KNOWN.includes(name))) return malformed;
  const given = value as { by?: unknown; code?: unknown; decisionId?: unknown; reason?: unknown };
  const { reason } = given;
  if (given.by !== undefined && matches(UUID, given.by) === undefined) return malformed;
  if (reason !== undefined && !isText(reason)) return malformed;
  if (given.decisionId !== undefined) {
    const decisionId = matches(UUID, given.decisionId);
    return decisionId === undefined ? malformed : { kind, decisionId };
  }
  const code = matches(CODE, given.code);
  // A message with only a key's id, as in older docs, at least names a sender: it is well-formed.
  if (code === undefined && (given.code !== undefined || given.by === undefined)) return malformed;
  return {
    kind,
    ...(code !== undefined && { code }),
    ...(reason !== undefined && /\S/.test(reason) && { reason }),
  };
};

/** Starts to receive messages. Must be called before the workflow's first step. */
export const openInbox = (unread: readonly Message[], isBounded: boolean): Inbox => {
  const { inbox, add } = isBounded ? createInbox(unread) : createQueue();
  for (const kind of MESSAGE_KINDS) {
    setHandler(
      defineSignal<unknown[]>(kind, rawPayloads),
      (...args: unknown[]) => {
        add(readMessage(kind, args));
      },
      { description: `Decides: ${kind}; needs the code of a mail, docs/operations.md says how` },
    );
  }
  setHandler(
    defineSignal<unknown[]>(LOOK_SIGNAL, rawPayloads),
    () => {
      add({ kind: 'look' });
    },
    { description: 'Looks at once for what the API has written' },
  );
  return inbox;
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

const matches = (pattern: RegExp, value: unknown): string | undefined => {
  const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
  return pattern.test(text) ? text : undefined;
};

/** PostgreSQL cannot store a NUL or half of a surrogate pair. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= MAX_REASON_LENGTH &&
  !value.includes('\0') &&
  value.isWellFormed();

/** Keeps a bounded number of messages, so that a flood of them delays no decision of the API. */
const createInbox = (unread: readonly Message[]) => {
  const rows: { id: string; kind: MessageKind }[] = [];
  const others: Exclude<Message, { kind: 'look' } | { decisionId: string }>[] = [];
  let isAskedToLook = false;
  let hasMore = false;
  let traces = 0;
  let droppedCount = 0;

  const addRow = (id: string, kind: MessageKind): void => {
    if (rows.some((row) => row.id === id)) return;
    if (rows.length < MAX_WAITING) rows.push({ id, kind });
    else hasMore = true;
  };
  const addOther = (message: (typeof others)[number]): void => {
    const isTrace = !('code' in message);
    const isRoom = isTrace ? traces < MAX_TRACES : others.length < MAX_WAITING;
    if (isRoom) others.push(message);
    else droppedCount += 1;
    if (isTrace) traces += 1;
  };
  const add = (message: Message): void => {
    if (message.kind === 'look') isAskedToLook = true;
    else if ('decisionId' in message) addRow(message.decisionId, message.kind);
    else addOther(message);
  };
  for (const message of unread) add(message);

  const inbox: Inbox = {
    isEmpty: () => {
      for (const message of takeUnknown()) add(message);
      return !isAskedToLook && rows.length === 0 && others.length === 0;
    },
    next: () => {
      if (isAskedToLook) {
        isAskedToLook = false;
        return { kind: 'look' };
      }
      if (rows.length === 0) return takeFirst(others);
      const turn: Turn = { kind: 'rows', rows: rows.splice(0), more: hasMore };
      hasMore = false;
      return turn;
    },
    unread: () => [
      ...(isAskedToLook ? [{ kind: 'look' } as const] : []),
      ...rows.map(({ id, kind }) => ({ kind, decisionId: id })),
      ...others,
    ],
    dropped: () => droppedCount,
  };
  return { inbox, add };
};

/**
 * Takes signals with unknown names, so that the sender of a misspelt name gets an answer. The SDK
 * buffers such signals. Its own handler for all names would decode them, and a payload that cannot
 * be decoded would block the workflow.
 */
const takeUnknown = (): Message[] =>
  getActivator()
    .bufferedSignals.splice(0)
    .map(({ signalName: name }) => ({
      kind: 'unknown',
      reason: SHOWN_NAME.test(name ?? '') ? (name ?? '') : 'a name that is not shown',
    }));

/** The first message that ends the request, or else the first of all. */
const takeFirst = <Item extends { kind: string }>(items: Item[]): Item | undefined => {
  const urgent = items.findIndex(isUrgent);
  return items.splice(Math.max(urgent, 0), 1)[0];
};

/**
 * The unbounded inbox of a request that began before the limit: messages are handled one by one.
 */
const createQueue = (): { inbox: Inbox; add: (message: Message) => void } => {
  const messages: Message[] = [];
  const inbox: Inbox = {
    isEmpty: () => messages.length === 0,
    next: () => messages.shift(),
    unread: () => [],
    dropped: () => 0,
  };
  return { inbox, add: (message) => messages.push(message) };
};
