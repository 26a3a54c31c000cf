import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import type { Db } from '../../db/client.ts';
import { findJobRow, type JobRow } from '../../db/jobs/jobs.ts';

/** Longest wait of a caller, in seconds; common proxies time out after 60. */
const MAX_WAIT_SECONDS = 30;

/** First pause between two checks, in milliseconds; pauses grow up to the last value. */
const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 250;
const POLL_GROWTH = 1.2;

/** `Prefer: wait=N` in seconds, at most 30. A malformed value is ignored (RFC 7240). */
export const waitSecondsOf = ({ headers }: FastifyRequest): number => {
  const text = [headers['prefer'] ?? []].flat().join(',');
  const seconds = /(?:^|,)\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:[,;]|$)/i.exec(text)?.[1];
  return Math.min(Number(seconds ?? 0), MAX_WAIT_SECONDS);
};

/** The job once it has ended; undefined after the wait, or if the client has disconnected. */
export const waitForEnd = async (
  db: Db,
  jobId: string,
  seconds: number,
  request: FastifyRequest,
): Promise<JobRow | undefined> => {
  const deadline = Date.now() + seconds * 1_000;
  let pause = FIRST_POLL_MS;
  while (Date.now() < deadline && !request.socket.destroyed) {
    const job = await findJobRow(db, jobId, request.workspaceId);
    if (job !== undefined && job.finished_at !== null) return job;
    await sleep(pause);
    pause = Math.min(pause * POLL_GROWTH, LAST_POLL_MS);
  }
  return undefined;
};
