import { on } from 'node:events';
import { addAbortSignal, type Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { MailMatch } from '../../db/imports/import-match.ts';
import { ImportFileError } from '../../imports/file-error.ts';
import type { ImportRow } from '../../imports/read-chunks.ts';
import type { FromThread, MatchedChunk, ReadTask, RowLine, ToThread } from './import-messages.ts';

/** Idle threads that are kept for the next file: to start one takes half a second. */
const MAX_IDLE_THREADS = 2;
/** Heap of one thread. A chunk of 16 lines with a million cells takes 300 MiB. */
const MAX_HEAP_MIB = 1_024;

/** Threads do not inherit the TypeScript loader of their process. */
const ENTRY = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL('./import-thread.ts', import.meta.url).href)});
})`;

/** The messages of a thread that are results. */
export type ReadResult = Extract<FromThread, { kind: 'counted' | 'chunk' }>;

/** A file that a thread reads: its results, and the rows of a chunk being imported. */
export interface ThreadRead {
  results: AsyncGenerator<ReadResult, void>;
  rowsOf: (chunk: number) => Promise<ImportRow[]>;
  linesOf: (chunk: number, rows: readonly number[]) => Promise<RowLine[]>;
  /** Prepares a chunk whose users were found by email address. */
  match: (chunk: number, matches: readonly MailMatch[]) => Promise<MatchedChunk>;
  /** Closes the file. The thread is kept for another file, or terminated if it is still busy. */
  close: () => Promise<void>;
}

export interface ImportThreads {
  /**
   * Reads a file in a thread, because the main thread runs all workflows. The next result is
   * computed once the one before is consumed. When `signal` is aborted, the thread is terminated.
   *
   * @throws ImportFileError when the file is invalid; the stream's error; the reason of `signal`
   */
  read: (task: ReadTask, file: Readable, signal: AbortSignal) => ThreadRead;
  close: () => Promise<void>;
}

type Question = Extract<ToThread, { chunk: number }>;
type AnswerTo<Kind extends Question['kind']> = Extract<FromThread, { kind: Kind }>;

export const createImportThreads = (): ImportThreads => {
  const idle = new Set<Worker>();

  const start = (): Worker => {
    const thread = startThread();
    // The iteration that waits for the thread throws the error.
    thread.on('error', () => {});
    thread.once('exit', () => idle.delete(thread));
    return thread;
  };
  const take = (): Worker => {
    const [thread = start()] = idle;
    idle.delete(thread);
    thread.ref();
    return thread;
  };
  const giveBack = async (thread: Worker, isFree: boolean): Promise<void> => {
    if (!isFree || idle.size >= MAX_IDLE_THREADS) {
      await thread.terminate();
      return;
    }
    post(thread, { kind: 'rest' });
    thread.unref();
    idle.add(thread);
  };

  const read: ImportThreads['read'] = (task, file, signal) => {
    const thread = take();
    let isFree = false;
    // Without this, a storage that never answers would block the import.
    addAbortSignal(signal, file);
    const results = async function* (): AsyncGenerator<ReadResult, void> {
      try {
        yield* follow(thread, task, file, signal);
        isFree = true;
      } catch (error) {
        isFree = error instanceof ImportFileError;
        throw signal.aborted ? signal.reason : error;
      }
    };
    return {
      results: results(),
      rowsOf: (chunk) => findRows(thread, chunk, signal),
      linesOf: async (chunk, rows) =>
        (await ask(thread, { kind: 'lines', chunk, rows }, signal)).lines,
      match: async (chunk, matches) =>
        (await ask(thread, { kind: 'match', chunk, matches }, signal)).matched,
      close: async () => {
        file.destroy();
        await giveBack(thread, isFree);
      },
    };
  };
  return {
    read,
    close: async () => void (await Promise.all([...idle].map((thread) => thread.terminate()))),
  };
};

const startThread = (): Worker =>
  new Worker(ENTRY, {
    eval: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });

const post = (thread: Worker, message: ToThread, transfer: ArrayBuffer[] = []): void =>
  thread.postMessage(message, transfer);

const follow = async function* (
  thread: Worker,
  task: ReadTask,
  file: Readable,
  signal: AbortSignal,
): AsyncGenerator<ReadResult, void> {
  const messages = on(thread, 'message', { signal, close: ['exit'] });
  const pieces = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  post(thread, { kind: 'start', task });
  for await (const [message] of messages as AsyncIterable<[FromThread]>) {
    switch (message.kind) {
      case 'wanted':
        await sendPiece(thread, pieces);
        break;
      case 'counted':
        yield message;
        break;
      case 'chunk':
        yield message;
        post(thread, { kind: 'next' });
        break;
      case 'rows':
      case 'lines':
      case 'match':
        break;
      case 'end':
        return;
      case 'fileError':
        throw new ImportFileError(message.type, message.line, message.detail);
      case 'error':
        throw message.error;
    }
  }
  throw new Error('the thread that read a file has ended');
};

const sendPiece = async (thread: Worker, pieces: AsyncIterator<Buffer>): Promise<void> => {
  const { value, done } = await pieces.next();
  if (done === true) {
    post(thread, { kind: 'piece', bytes: null });
    return;
  }
  const bytes = new Uint8Array(value);
  post(thread, { kind: 'piece', bytes }, [bytes.buffer]);
};

const findRows = async (thread: Worker, chunk: number, signal: AbortSignal) => {
  const { rows } = await ask(thread, { kind: 'rows', chunk }, signal);
  return rows.map(({ payload, ...row }) => ({ ...row, payload: () => payload }));
};

/** The answer of a thread to a question about a chunk. @throws the reason of `signal` */
const ask: typeof findAnswer = async (thread, question, signal) => {
  try {
    return await findAnswer(thread, question, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
};

const findAnswer = async <Kind extends Question['kind']>(
  thread: Worker,
  question: Extract<Question, { kind: Kind }>,
  signal: AbortSignal,
): Promise<AnswerTo<Kind>> => {
  const messages = on(thread, 'message', { signal, close: ['exit'] });
  post(thread, question);
  for await (const [message] of messages as AsyncIterable<[FromThread]>) {
    if (message.kind === 'error') throw message.error;
    if (!('chunk' in message) || message.kind === 'chunk') continue;
    if (message.kind !== question.kind || message.chunk !== question.chunk) continue;
    return message as AnswerTo<Kind>;
  }
  throw new Error('the thread that read a file has ended');
};
