import { defaultPayloadConverter, RawValue, rawValueTypeInfo } from '@temporalio/common';
import { defineSignal, setHandler } from '@temporalio/workflow';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import {
  isUrgent,
  LOOK_SIGNAL,
  MESSAGE_KINDS,
  type Message,
  type MessageKind,
} from './contract.ts';

const MAX_REASON_LENGTH = 1_000;
/** More arguments than anyone sends by mistake; each is taken as it is. */
const MAX_ARGUMENTS = 32;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CODE = /^[a-z0-9-]{8,64}$/;
/** `by` is what older versions of the API and of the docs send beside; it proves nothing. */
const KNOWN: readonly string[] = ['by', 'code', 'decisionId', 'reason'];
/** Of a signal that nobody handles, its name as far as it may be shown. */
const SHOWN_NAME = /^[\w.-]{1,60}$/;

/** Messages of each sort that wait to be dealt with; what comes beyond is counted, and dropped. */
const MAX_WAITING = 50;
/** Messages without use that leave a row of their own behind. */
const MAX_TRACES = 20;

/**
 * Payloads as they come: the SDK would decode them before any handler is asked, and one that cannot
 * be decoded would stop the workflow for good.
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

/** PostgreSQL stores no NUL and no half of a surrogate pair. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.length <= MAX_REASON_LENGTH &&
  !value.includes('\0') &&
  value.isWellFormed();

const matches = (pattern: RegExp, value: unknown): string | undefined => {
  const text = typeof value === 'string' ? value.trim().toLowerCase() : '';
  return pattern.test(text) ? text : undefined;
};

/** Reads `{decisionId}` or `{code, reason?}`. A reason of blanks is none. */
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
  // Only a key's id, as older docs had it, says at least who wants to decide.
  if (code === undefined && (given.code !== undefined || given.by === undefined)) return malformed;
  return {
    kind,
    ...(code !== undefined && { code }),
    ...(reason !== undefined && /\S/.test(reason) && { reason }),
  };
};

/** What is to be dealt with next: one message, or the rows of several. */
export type Turn =
  | Message
  | { kind: 'rows'; rows: { id: string; kind: MessageKind }[]; more: boolean };

export interface Inbox {
  isEmpty: () => boolean;
  next: () => Turn | undefined;
  /** What waits, for the next run of the workflow; at most `MAX_WAITING` of each sort. */
  unread: () => Message[];
  /** How many messages were dropped. */
  dropped: () => number;
}

/**
 * Signals of a name that nobody handles: somebody misspelt one, and is told so. They wait inside
 * the SDK for a handler. The SDK's own handler for all names would decode them, and stop for one
 * that cannot be decoded.
 */
const takeUnknown = (): Message[] =>
  getActivator()
    .bufferedSignals.splice(0)
    .map(({ signalName: name }) => ({
      kind: 'unknown',
      reason: SHOWN_NAME.test(name ?? '') ? (name ?? '') : 'a name that is not shown',
    }));

/** The first of those that end something, or the first of all. */
const takeFirst = <Item extends { kind: string }>(items: Item[]): Item | undefined => {
  const urgent = items.findIndex(isUrgent);
  return items.splice(Math.max(urgent, 0), 1)[0];
};

/** Keeps a bounded number of messages, so that a flood of them holds up no decision of the API. */
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
 * What waits in a request that began before messages were bounded: all of them, one after another.
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

/** Takes in what is sent, from before the first step of the story on. */
export const openInbox = (unread: readonly Message[], isBounded: boolean): Inbox => {
  const { inbox, add } = isBounded ? createInbox(unread) : createQueue();
  for (const kind of MESSAGE_KINDS) {
    setHandler(
      defineSignal<unknown[]>(kind, asTheyCome),
      (...args: unknown[]) => {
        add(readMessage(kind, args));
      },
      { description: `Decides: ${kind}; needs the code of a mail, docs/operations.md says how` },
    );
  }
  setHandler(
    defineSignal<unknown[]>(LOOK_SIGNAL, asTheyCome),
    () => {
      add({ kind: 'look' });
    },
    { description: 'Looks at once for what the API has written' },
  );
  return inbox;
};
