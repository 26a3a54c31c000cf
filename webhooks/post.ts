import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { isPublicAddress } from './addresses.ts';
import type { AttemptError } from './attempt-errors.ts';
import { createResolve, type Resolve } from './resolve.ts';
import { hostOf, readWebhookUrl } from './url.ts';

/** The longest time until the connection is ready, including TLS, in milliseconds. */
const CONNECT_MS = 5_000;
/** The longest time until the answer's status arrives, in milliseconds. */
const WHOLE_MS = 15_000;
/**
 * The body of an answer is ignored. Up to this many bytes are read, for up to `BODY_MS`
 * milliseconds, so that the sender is not cut off.
 */
const BODY_BYTES = 16 * 1024;
const BODY_MS = 1_000;

export interface PostOptions {
  /** Allows http and private addresses, for local development and tests. */
  allowPrivate: boolean;
  connectMs?: number;
  wholeMs?: number;
  bodyMs?: number;
  /** Replace the DNS lookup and the address check; in tests only. */
  resolve?: Resolve;
  isAllowed?: (address: string) => boolean;
  /** A certificate authority for receivers; in tests only. */
  ca?: string;
}

export interface PostRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** The result of a request. It never holds the answer's body. */
export interface Posted {
  status: number | null;
  /** Null if the receiver accepted the request. */
  error: AttemptError | null;
  retryAfterMs: number | null;
  durationMs: number;
}

export type Post = (request: PostRequest, signal: AbortSignal) => Promise<Posted>;

const TLS = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|EPROTO|HOSTNAME)/;

type Settings = Required<Omit<PostOptions, 'ca'>> & Pick<PostOptions, 'ca'>;

/**
 * Sends a request to a receiver, only at an address that was checked, and returns the result.
 *
 * @throws the signal's reason when it is aborted
 */
export const createPost = (options: PostOptions): Post => {
  const { allowPrivate } = options;
  const settings: Settings = {
    connectMs: CONNECT_MS,
    wholeMs: WHOLE_MS,
    bodyMs: BODY_MS,
    resolve: createResolve(allowPrivate),
    isAllowed: allowPrivate ? () => true : isPublicAddress,
    ...options,
  };
  const send = async (
    asked: PostRequest,
    signal: AbortSignal,
  ): Promise<Omit<Posted, 'durationMs'>> => {
    // Checked again: the URL may have been stored when another setting allowed it.
    const read = readWebhookUrl(asked.url, allowPrivate);
    if (!('url' in read)) throw failed('blockedAddress');
    const url = new URL(read.url);
    const addresses = await findAddresses(url, settings).catch((error: unknown) => {
      throw (error as { word?: AttemptError }).word === undefined ? failed('dns') : error;
    });
    signal.throwIfAborted();
    const request = openRequest(url, asked, addresses, settings.ca);
    const answer = await exchange(request, asked, settings, signal);
    await drain(answer, settings.bodyMs);
    const status = answer.statusCode ?? 0;
    return { status, error: errorOf(status), retryAfterMs: retryAfterOf(answer) };
  };
  return async (asked, signal) => {
    const began = performance.now();
    const posted = await send(asked, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      return { status: null, error: wordOf(error), retryAfterMs: null };
    });
    return { ...posted, durationMs: Math.round(performance.now() - began) };
  };
};

const failed = (error: AttemptError): Error => Object.assign(new Error(error), { word: error });

/**
 * The addresses to connect to.
 *
 * @throws Error with a word when there are none, or one is not allowed
 */
const findAddresses = async (url: URL, settings: Settings): Promise<string[]> => {
  const { connectMs, isAllowed, resolve } = settings;
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await within(connectMs, resolve(host)) : [host];
  if (addresses.length === 0) throw failed('dns');
  if (!addresses.every(isAllowed)) throw failed('blockedAddress');
  return addresses;
};

/** @throws Error with the word `timeout` when the promise takes too long */
const within = async <T>(milliseconds: number, promise: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(failed('timeout')), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
};

const openRequest = (
  url: URL,
  { headers, body }: PostRequest,
  addresses: readonly string[],
  ca: string | undefined,
): ClientRequest => {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return request(url, {
    method: 'POST',
    // Uses a new connection without an agent, because an agent might use a proxy.
    agent: false,
    lookup: answerWith(addresses),
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
  });
};

/** A lookup that returns the checked addresses, whatever name servers answer now. */
const answerWith =
  (addresses: readonly string[]): LookupFunction =>
  (_host, options, callback) => {
    const all = addresses.map((address) => ({ address, family: isIP(address) }));
    if (options.all === true) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };

/** Sends the request and waits for the status. A redirect is not followed. */
const exchange = (
  request: ClientRequest,
  { body }: PostRequest,
  { connectMs, wholeMs, isAllowed }: Settings,
  signal: AbortSignal,
): Promise<IncomingMessage> =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const stop = (word: AttemptError) => () => void request.destroy(failed(word));
    const connecting = setTimeout(stop('timeout'), connectMs);
    const whole = setTimeout(stop('timeout'), wholeMs);
    const abort = () => void request.destroy(signal.reason as Error);
    const settle = () => {
      clearTimeout(connecting);
      clearTimeout(whole);
      signal.removeEventListener('abort', abort);
    };
    signal.addEventListener('abort', abort);
    request.once('socket', (socket: Socket) => {
      socket.once('connect', () => {
        if (!isAllowed(socket.remoteAddress ?? '')) stop('blockedAddress')();
      });
      const ready = 'encrypted' in socket ? 'secureConnect' : 'connect';
      socket.once(ready, () => clearTimeout(connecting));
    });
    const fail = (error: Error) => {
      settle();
      reject(error);
    };
    request.once('response', (answer) => {
      settle();
      resolve(answer);
    });
    // An answer that switches protocols. Node reports it by this event, not as an error.
    request.once('upgrade', (_answer, socket: Socket) => {
      socket.destroy();
      fail(failed('badAnswer'));
    });
    request.on('error', fail);
    request.once('close', () => fail(failed('connection')));
    request.end(body);
  });

/** Discards the body, up to a limit, then closes the connection. */
const drain = async (answer: IncomingMessage, milliseconds: number): Promise<void> => {
  const timer = setTimeout(() => answer.destroy(), milliseconds);
  try {
    let read = 0;
    for await (const chunk of answer) {
      read += (chunk as Buffer).length;
      if (read > BODY_BYTES) break;
    }
  } catch {
    // The status is known; an error in the body changes nothing.
  } finally {
    clearTimeout(timer);
    answer.destroy();
  }
};

const errorOf = (status: number): AttemptError | null => {
  if (status >= 200 && status < 300) return null;
  if (status === 410) return 'gone';
  return status >= 300 && status < 400 ? 'redirect' : 'status';
};

/** The delay that `Retry-After` asks for, in milliseconds. Null unless the status is 429 or 503. */
const retryAfterOf = ({ statusCode, headers }: IncomingMessage): number | null => {
  const text = headers['retry-after'];
  if (text === undefined || (statusCode !== 429 && statusCode !== 503)) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(at - Date.now(), 0);
};

const wordOf = (error: unknown): AttemptError => {
  const { word, code = '' } = error as { word?: AttemptError; code?: string };
  if (word !== undefined) return word;
  if (TLS.test(code)) return 'tls';
  return code.startsWith('HPE_') ? 'badAnswer' : 'connection';
};
