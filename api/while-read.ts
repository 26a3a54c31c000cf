import type { ServerResponse } from 'node:http';

/**
 * Works for a response.
 *
 * @param work its signal is aborted as soon as the reader closes the connection
 */
export const whileRead = async <T>(
  response: ServerResponse,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  response.once('close', abort);
  if (response.destroyed) abort();
  try {
    return await work(controller.signal);
  } finally {
    response.off('close', abort);
  }
};
