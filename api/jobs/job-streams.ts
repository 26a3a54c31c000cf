import type { Readable } from 'node:stream';
import { listEnded } from '../../db/api-keys.ts';
import { findJobRow } from '../../db/jobs/jobs.ts';
import type { Role } from '../../db/schema.ts';
import type { Actor } from '../auth.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { toJobEvent, type JobEvent } from './job-event.ts';
import { briefly, type JobFacts, type JobJsonDeps, readJobFacts, toJobJson } from './job-json.ts';
import { createJobWatch } from './job-watch.ts';
import { problem } from '../http/problems.ts';
import { createShares } from '../shares.ts';

/**
 * Limits of open streams: per key, per workspace, in total. A stream holds a connection, but none
 * to PostgreSQL.
 */
export const MAX_STREAMS_PER_KEY = 20;
const MAX_STREAMS_OF_WORKSPACE = 200;
const MAX_STREAMS = 1_000;
const RETRY_AFTER_SECONDS = '10';

/** Longest time that a revoked or expired key can continue to read, in milliseconds. */
export const KEY_CHECK_MS = 5_000;

export interface JobStreams {
  /**
   * The states of a job as server-sent events, from the current state on; undefined if the job
   * has ended and the client already knows.
   *
   * @throws ProblemError if too many streams are open
   */
  open: (
    reader: Pick<Actor, 'id' | 'role'>,
    facts: JobFacts,
    lastSeenId: string | undefined,
  ) => Readable | undefined;
  /** Ends all streams, and opens no new streams. */
  close: () => void;
}

export const createJobStreams = (deps: JobJsonDeps): JobStreams => {
  const { db } = deps.database;
  /** Open streams, each with the id of its key. */
  const streams = new Map<EventStream, string>();
  let isClosed = false;
  const take = createShares({
    all: MAX_STREAMS,
    each: MAX_STREAMS_OF_WORKSPACE,
    what: 'open streams',
  });

  const watch = createJobWatch(async (jobId) => {
    const job = await findJobRow(db, jobId, null);
    const [facts] = job === undefined ? [] : await readJobFacts(db, [job]);
    return facts && jobViewFor(facts, deps);
  });

  const endThoseOfEndedKeys = async (): Promise<void> => {
    if (streams.size === 0) return;
    // Without PostgreSQL, neither keys nor jobs can be read.
    const ended = await listEnded(db, [...new Set(streams.values())]).catch((): string[] => []);
    for (const [stream, keyId] of streams) if (ended.includes(keyId)) stream.end();
  };
  const keyCheck = setInterval(() => void endThoseOfEndedKeys(), KEY_CHECK_MS);

  return {
    open: (reader, facts, lastSeenId) => {
      if (isClosed) throw problem('busy', 'The API is stopping. Send the request again.');
      const first = jobViewFor(facts, deps)(reader.role);
      if (first.isLast && first.id === lastSeenId) return undefined;
      requireRoom(streams, reader.id);
      const giveBack = take(facts.job.workspace_id);
      const stream = openEventStream(lastSeenId, () => {
        giveBack();
        streams.delete(stream);
        stopWatching();
      });
      const stopWatching = watch.add(facts.job.id, (view) => stream.show(view(reader.role)));
      streams.set(stream, reader.id);
      stream.show(first);
      return stream.readable;
    },
    close: () => {
      isClosed = true;
      clearInterval(keyCheck);
      for (const stream of streams.keys()) stream.end();
    },
  };
};

/** A state of a job, rendered once for each role of its readers. */
const jobViewFor = (facts: JobFacts, deps: JobJsonDeps) => {
  const events = new Map<Role, JobEvent>();
  return (role: Role): JobEvent => {
    const event = events.get(role) ?? toJobEvent(briefly(toJobJson(facts, role, deps)));
    events.set(role, event);
    return event;
  };
};

const requireRoom = (streams: ReadonlyMap<EventStream, string>, keyId: string): void => {
  const own = [...streams.values()].filter((id) => id === keyId).length;
  if (own >= MAX_STREAMS_PER_KEY) {
    throw problem(
      'too-many-requests',
      `This key has ${own} open streams. Close some streams first.`,
      {
        headers: { 'retry-after': RETRY_AFTER_SECONDS },
      },
    );
  }
};
