import { Readable } from 'node:stream';
import { parentPort } from 'node:worker_threads';
import type { MailMatch } from '../../db/imports/import-match.ts';
import { type FailedLine, wholeLine } from '../../imports/log/failed-lines.ts';
import { ImportFileError } from '../../imports/file-error.ts';
import { linesOf } from '../../imports/lines.ts';
import type { StagedRow } from '../../db/imports/import-staging.ts';
import { type ImportRow, readChunks } from '../../imports/read-chunks.ts';
import type { FromThread, ReadTask, SentChunk, ToThread } from './import-messages.ts';
import { prepareRows } from './prepare-rows.ts';

/** The least time between two `counted` messages. */
const COUNT_INTERVAL_MS = 100;

const NOT_FOUND = {
  unknownUser: wholeLine('unknownUser', 'no user has this email address'),
  ambiguousUser: wholeLine('ambiguousUser', 'several users have this email address'),
};

const port = parentPort;
if (port === null) throw new Error('import-thread.ts is run as a worker thread');

const send = (message: FromThread, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);

type Answer = Extract<ToThread, { kind: 'piece' | 'next' }>;
const waiting = new Map<Answer['kind'], (answer: Answer) => void>();

const wait = <Kind extends Answer['kind']>(kind: Kind): Promise<Extract<Answer, { kind: Kind }>> =>
  new Promise((resolve) => waiting.set(kind, resolve as (answer: Answer) => void));

type ChunksTask = Extract<ReadTask, { kind: 'chunks' }>;

/** The rows of a chunk: as parsed, those whose users are known, and as staged. */
interface KeptChunk {
  job: ChunksTask['job'];
  read: readonly ImportRow[];
  rows: readonly ImportRow[];
  staged: readonly StagedRow[];
}

/** The rows of the chunk being imported and of the next one, for questions about single lines. */
const kept = new Map<number, KeptChunk>();

const keptOf = (chunk: number): KeptChunk => {
  const found = kept.get(chunk);
  if (found === undefined) throw new Error(`the rows of chunk ${chunk} are not kept`);
  return found;
};

const sendRows = (chunk: number): void => {
  const rows = keptOf(chunk).rows.map((row) => ({ ...row, payload: row.payload() }));
  send({ kind: 'rows', chunk, rows });
};

const sendLines = (chunk: number, numbers: readonly number[]): void => {
  const { staged } = keptOf(chunk);
  const lines = numbers.flatMap(
    (n) => staged[n]?.lines.map(({ line, payload }) => ({ n, line, payload: payload() })) ?? [],
  );
  send({ kind: 'lines', chunk, lines });
};

const piecesOf = async function* (): AsyncGenerator<Buffer> {
  for (;;) {
    const answer = wait('piece');
    send({ kind: 'wanted' });
    const { bytes } = await answer;
    if (bytes === null) return;
    yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
};

const count = async (file: Readable, { types, job }: ReadTask): Promise<void> => {
  let lines = 0;
  let sentAt = performance.now();
  for await (const { records } of linesOf(file, { types, ...job.options })) {
    lines += records.length;
    if (performance.now() - sentAt < COUNT_INTERVAL_MS) continue;
    send({ kind: 'counted', lines });
    sentAt = performance.now();
  }
  send({ kind: 'counted', lines });
};

const prepare = (job: ChunksTask['job'], rows: readonly ImportRow[]) => {
  const prepared = prepareRows(job, rows, false);
  if (prepared === undefined) return undefined;
  const { rows: staged, pieces, ...sent } = prepared;
  // A copy, because a buffer that shares its memory cannot be transferred.
  return { staged, whole: { ...sent, text: new Uint8Array(Buffer.concat(pieces)) } };
};

const sendChunks = async (file: Readable, { types, job, done }: ChunksTask): Promise<void> => {
  for await (const { rows, ...rest } of readChunks(file, { types, ...job.options })) {
    const isByMail = job.options.matchBy === 'email';
    const isLeft = isByMail || done.has(rest.chunk);
    const { whole, staged = [] } = (isLeft ? undefined : prepare(job, rows)) ?? {};
    const mails = isByMail ? { mails: rows.map(({ mail = '' }) => mail) } : {};
    const chunk: SentChunk = { ...rest, whole, ...mails };
    kept.delete(rest.chunk - 2);
    kept.set(rest.chunk, { job, read: rows, rows, staged });
    const next = wait('next');
    send({ kind: 'chunk', chunk }, whole && [whole.text.buffer]);
    await next;
  }
};

/** Prepares the rows of a chunk whose users were found by email address. */
const sendMatched = (chunk: number, matches: readonly MailMatch[]): void => {
  const { job, read } = keptOf(chunk);
  const rows: ImportRow[] = [];
  const failed: FailedLine[] = [];
  for (const [index, row] of read.entries()) {
    const match = matches[index] ?? { why: 'unknownUser' };
    if ('userId' in match) rows.push({ ...row, userId: match.userId });
    else failed.push({ line: row.line, payload: row.payload(), ...NOT_FOUND[match.why] });
  }
  const { whole, staged = [] } = prepare(job, rows) ?? {};
  kept.set(chunk, { job, read, rows, staged });
  send({ kind: 'match', chunk, matched: { whole, failed } }, whole && [whole.text.buffer]);
};

const run = async (task: ReadTask): Promise<void> => {
  const file = Readable.from(piecesOf());
  try {
    await (task.kind === 'count' ? count(file, task) : sendChunks(file, task));
    send({ kind: 'end' });
  } catch (error) {
    if (error instanceof ImportFileError) {
      const { type, line, detail } = error;
      send({ kind: 'fileError', type, line, detail });
    } else {
      send({ kind: 'error', error });
    }
  }
};

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'start':
      void run(message.task);
      return;
    case 'rows':
      sendRows(message.chunk);
      return;
    case 'rest':
      kept.clear();
      return;
    case 'match':
      sendMatched(message.chunk, message.matches);
      return;
    case 'lines':
      sendLines(message.chunk, message.rows);
      return;
    case 'piece':
    case 'next': {
      const resolve = waiting.get(message.kind);
      waiting.delete(message.kind);
      resolve?.(message);
    }
  }
});
