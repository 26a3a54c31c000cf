import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from './app.ts';
import { answerBroken } from './send-problem.ts';
import { BODY_TIMEOUT_MS, UPLOAD_MIN_BYTES } from './limits.ts';

/** Requests whose bodies may take as long as the server allows. */
const uploads = new WeakSet<IncomingMessage>();

/**
 * Cuts off bodies that take longer than `BODY_TIMEOUT_MS`. This includes the body of a rejected
 * request that is still being sent.
 */
export const limitBodyTime = (app: App): void => {
  app.server.on('request', (request, response) => {
    if (!hasBody(request)) return;
    let bytesBefore = 0;
    const timer = setInterval(() => {
      if (request.complete) return;
      const { bytesRead } = request.socket;
      // Bytes that wait to be read arrived in time: the server is slow, not the client.
      const comesOn = bytesRead - bytesBefore >= UPLOAD_MIN_BYTES || request.readableLength > 0;
      bytesBefore = bytesRead;
      if (!uploads.has(request) || !comesOn) cutOff(request, response);
    }, BODY_TIMEOUT_MS);
    timer.unref();
    request.once('close', () => clearInterval(timer));
  });
};

/**
 * Lets a body take as long as the server allows, while its bytes arrive and `work` runs.
 */
export const allowUpload = async <T>(
  request: IncomingMessage,
  work: () => Promise<T>,
): Promise<T> => {
  uploads.add(request);
  try {
    return await work();
  } finally {
    uploads.delete(request);
  }
};

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Ends a request in the same way as Node ends a request that takes too long. */
const cutOff = (request: IncomingMessage, response: ServerResponse): void => {
  const error = Object.assign(new Error('the body takes too long'), {
    code: 'ERR_HTTP_REQUEST_TIMEOUT',
  });
  if (response.headersSent) request.socket.destroy();
  else answerBroken(error, request.socket);
};
