import { createHash } from 'node:crypto';
import type { JobJson } from './job-schema.ts';

/** How long a reader waits before it connects again, in milliseconds. */
const RETRY_MS = 2_000;

/** What a stream begins with. */
export const PREAMBLE = `retry: ${RETRY_MS}\n\n`;
export const HEARTBEAT = ': no change\n\n';

/** A state of a job as one server-sent event. */
export interface JobEvent {
  /** The same for the same state, whichever process tells of it. */
  id: string;
  /** Whether the job has ended: there is nothing to come. */
  isLast: boolean;
  text: string;
}

/** Rate and remaining time move while the job does not: they make no new state. */
const idOf = ({ progress: { total, processed }, ...job }: JobJson): string =>
  createHash('sha256')
    .update(JSON.stringify([total, processed, job]))
    .digest('base64url');

export const toJobEvent = (json: JobJson): JobEvent => {
  const id = idOf(json);
  const isLast = json.finishedAt !== null;
  const name = isLast ? 'finished' : 'progress';
  // JSON escapes every line break, so the data is one line.
  return { id, isLast, text: `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(json)}\n\n` };
};
