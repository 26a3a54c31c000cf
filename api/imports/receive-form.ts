import { createHash } from 'node:crypto';
import { on } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { addAbortSignal, Readable } from 'node:stream';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import type { z } from 'zod';
import { createKindCheck } from '../../imports/file-kind.ts';
import { parseJson } from '../http/json-body.ts';
import { IMPORT_MAX_BYTES } from '../http/limits.ts';
import { pointerOf } from '../http/pointer.ts';
import { invalidRequest, isProblem, problem, type ProblemError } from '../http/problems.ts';
import { readInput, type Refusal } from '../http/validation.ts';

const KIB = 1024;

/** Maximum size of the part `options`, in bytes. */
const MAX_OPTIONS_BYTES = 64 * KIB;
/** Maximum size of everything but the file: options, headers of parts, boundaries. */
const MAX_ENVELOPE_BYTES = 128 * KIB;
/** Maximum length of the name of an unknown part in a message. */
const MAX_TOLD_NAME_LENGTH = 80;

const FORM_LIMITS = {
  parts: 2,
  headerPairs: 20,
  headerSize: 16 * KIB,
  fileSize: IMPORT_MAX_BYTES,
};
/** Bytes of a part to read ahead. */
const PART_BUFFER_BYTES = 256 * KIB;

/**
 * Media types of CSV, compressed or not. Browsers on Windows send Excel's. Undefined: text/plain.
 */
const FILE_TYPES: readonly string[] = [
  'text/csv',
  'text/plain',
  'text/tab-separated-values',
  'application/csv',
  'application/gzip',
  'application/x-gzip',
  'application/octet-stream',
  'application/vnd.ms-excel',
];
const OPTIONS_TYPES: readonly string[] = ['application/json', 'text/plain'];
const PLAIN_ENCODINGS: readonly string[] = ['7bit', '8bit', 'binary'];

interface Part {
  name: string | undefined;
  content: AsyncGenerator<Buffer>;
  encoding: string;
  type: string;
}

export interface FileFacts {
  bytes: number;
  sha256: string;
}

/** The parsed options of a request, and the result for its file. */
export interface ReceivedForm<Options> {
  options: Options;
  file: FileFacts;
}

/** How to read a form, and how to process its file as a stream. */
export interface FormReader<Options> {
  options: z.ZodType<Options>;
  /**
   * Throws if options are not valid, before the file arrives. @returns the columns that the file
   * should have
   */
  check?: (options: Options) => Promise<ReadonlySet<string>>;
  /** Stores the whole file as a stream; the file is never held in memory. */
  store: (content: Readable, options: Options) => Promise<void>;
}

/**
 * Reads the body of a form as a stream: the options, then the file. If this fails, a part of the
 * file may already be stored.
 *
 * @throws ProblemError if the body is malformed, interrupted, or too large; the reason of `stop`
 *   if it is aborted; errors of `store`
 */
export const receiveForm = async <Options>(
  request: IncomingMessage,
  { options: schema, check, store }: FormReader<Options>,
  stop: AbortController,
): Promise<ReceivedForm<Options>> => {
  if (Number(request.headers['content-length'] ?? 0) > IMPORT_MAX_BYTES + MAX_ENVELOPE_BYTES) {
    throw tooLarge();
  }
  let options: { value: Options } | undefined;
  let names: ReadonlySet<string> | undefined;
  let file: FileFacts | undefined;
  for await (const part of partsOf(request, stop)) {
    if (options === undefined) {
      options = { value: await readOptions(part, schema) };
      names = await check?.(options.value);
    } else {
      const { value } = options;
      file = await storeFile(part, names, (content) => store(content, value));
    }
  }
  if (options === undefined) throw wrongPart('is missing', ['options']);
  if (file === undefined) throw wrongPart('is missing', ['file']);
  return { options: options.value, file };
};

const tooLarge = (): ProblemError =>
  problem(
    'body-too-large',
    `A file is at most ${IMPORT_MAX_BYTES} bytes. Compress the file with gzip, or split it.`,
  );

/**
 * The parts of a form as a stream; each part is read before the next. However the iteration ends,
 * the rest of the request is discarded, so that a response can still be sent.
 */
const partsOf = async function* (
  request: IncomingMessage,
  stop: AbortController,
): AsyncGenerator<Part> {
  const form = openForm(request.headers);
  const { signal } = stop;
  // The iterations raise errors; later error events are ignored.
  form.on('error', () => {});
  form.on('file', (_name, content) => void content.on('error', () => {}));
  form.once('partsLimit', () =>
    stop.abort(wrongPart('must have only the parts options and file', [])),
  );
  watch(request, stop);
  const files = on(form, 'file', { close: ['finish'], signal });
  request.pipe(form);
  try {
    for await (const [name, content, , encoding, type] of files) {
      content.once('limit', () => stop.abort(tooLarge()));
      yield { name, content: bytesOf(content, signal), encoding, type };
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : malformed(error);
  } finally {
    request.unpipe(form);
    request.resume();
  }
};

const openForm = (headers: IncomingMessage['headers']) => {
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      isPartAFile: () => true,
      limits: FORM_LIMITS,
      fileHwm: PART_BUFFER_BYTES,
    });
  } catch (cause) {
    throw problem('invalid-request', 'Content-Type has no boundary parameter.', { cause });
  }
};

const wrongPart = (detail: string, path: readonly string[]): ProblemError =>
  invalidRequest([{ detail, pointer: pointerOf(path) }]);

/** Reports the reason if an upload ends before its form. */
const watch = (request: IncomingMessage, stop: AbortController): void => {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > IMPORT_MAX_BYTES + MAX_ENVELOPE_BYTES) stop.abort(tooLarge());
  });
  request.once('close', () => {
    if (!request.readableEnded) stop.abort(malformed('the connection was interrupted'));
  });
};

const malformed = (cause: unknown): ProblemError =>
  problem('invalid-request', 'The body must be complete multipart/form-data as in RFC 7578.', {
    cause,
  });

/** The content of a part. @throws ProblemError if it is interrupted; the reason of `signal` */
const bytesOf = async function* (content: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* addAbortSignal(signal, content) as AsyncIterable<Buffer>;
  } catch (error) {
    throw signal.aborted ? signal.reason : malformed(error);
  }
};

const readOptions = async <Options>(part: Part, schema: z.ZodType<Options>): Promise<Options> => {
  requirePart(part, 'options', OPTIONS_TYPES);
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of part.content) {
    byteCount += chunk.length;
    if (byteCount > MAX_OPTIONS_BYTES) {
      throw problem(
        'body-too-large',
        `The part options is larger than ${MAX_OPTIONS_BYTES} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  const read = readInput(schema, parseOptions(Buffer.concat(chunks)));
  if ('errors' in read) throw inOptions(read);
  return read.value;
};

/** @throws ProblemError if a part is not the expected part, or has the wrong type */
const requirePart = (part: Part, wanted: 'options' | 'file', types: readonly string[]): void => {
  const { name = '', type, encoding } = part;
  if (name !== wanted) {
    const known = name === 'options' || name === 'file';
    const detail = known ? `is in the place of the part ${wanted}` : 'is not a part of this form';
    throw wrongPart(detail, [name.slice(0, MAX_TOLD_NAME_LENGTH)]);
  }
  if (types.includes(type) && PLAIN_ENCODINGS.includes(encoding)) return;
  throw problem(
    'unsupported-media-type',
    `The part ${wanted} must have the type ${types.join(', ')}, and no Content-Transfer-Encoding.`,
  );
};

const parseOptions = (bytes: Buffer): unknown => {
  try {
    return parseJson('The part options', bytes);
  } catch (error) {
    if (!isProblem(error) || error.errors.length === 0) throw error;
    throw inOptions({ errors: error.errors, count: error.errors.length });
  }
};

/** Turns pointers into the options into pointers into the body. */
const inOptions = ({ errors, count }: Refusal): ProblemError =>
  invalidRequest(
    errors.map(({ detail, pointer }) => ({ detail, pointer: `/options${pointer}` })),
    count,
  );

const storeFile = async (
  part: Part,
  names: ReadonlySet<string> | undefined,
  store: (content: Readable) => Promise<void>,
): Promise<FileFacts> => {
  requirePart(part, 'file', FILE_TYPES);
  const hash = createHash('sha256');
  let bytes = 0;
  // A large file that cannot be read is rejected during the upload, not after an hour.
  const check = createKindCheck((kind) => {
    const detail = `is ${kind}`;
    const errors = [{ detail, pointer: '/file' }];
    return problem('unprocessable', `/file: ${detail}`, { errors });
  }, names);
  const measured = async function* () {
    for await (const chunk of part.content) {
      check(chunk);
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  await store(Readable.from(measured(), { objectMode: false }));
  return { bytes, sha256: hash.digest('hex') };
};
