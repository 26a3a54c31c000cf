import { createHash } from 'node:crypto';
import type { JobJson } from './job-schema.ts';

/** How long a client waits before it connects again, in milliseconds. */
const RETRY_MS = 2_000;

/** The beginning of a stream. */
export const PREAMBLE = `retry: ${RETRY_MS}\n\n`;
export const HEARTBEAT = ': no change\n\n';

/** A state of a job as one server-sent event. */
export interface JobEvent {
  /** The same for the same state, in all processes. */
  id: string;
  /** Whether the job has ended, so that no event follows. */
  isLast: boolean;
  text: string;
}

export const toJobEvent = (json: JobJson): JobEvent => {
  const id = idOf(json);
  const isLast = json.finishedAt !== null;
  const name = isLast ? 'finished' : 'progress';
  // JSON escapes every line break, so the data is one line.
  return { id, isLast, text: `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(json)}\n\n` };
};

/** Rate and remaining time change without progress: they do not count as a new state. */
const idOf = ({ progress: { total, processed }, ...job }: JobJson): string =>
  createHash('sha256')
    .update(JSON.stringify([total, processed, job]))
    .digest('base64url');
