import type { Readable } from 'node:stream';
import { listEnded } from '../../db/api-keys.ts';
import { findJobRow } from '../../db/jobs/jobs.ts';
import type { Role } from '../../db/schema.ts';
import { listEndedSessions } from '../../db/sessions.ts';
import type { Actor, Session } from '../actor.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { toJobEvent, type JobEvent } from './job-event.ts';
import { briefly, type JobFacts, type JobJsonDeps, readFactsOfJob, toJobJson } from './job-json.ts';
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

/** Longest time that an ended key or session can continue to read, in milliseconds. */
export const KEY_CHECK_MS = 5_000;

/** Without the proof of the key, and without the token of the session. */
interface Reader extends Pick<Actor, 'id' | 'role'> {
  session: Pick<Session, 'hash'> | null;
}

export interface JobStreams {
  /**
   * The states of a job as server-sent events, from the current state on; undefined if the job
   * has ended and the client already knows.
   *
   * @throws ProblemError if too many streams are open
   */
  open: (reader: Reader, facts: JobFacts, lastSeenId: string | undefined) => Readable | undefined;
  /** Ends all streams, and opens no new streams. */
  close: () => void;
}

export const createJobStreams = (deps: JobJsonDeps): JobStreams => {
  const { db } = deps.database;
  const streams = new Map<EventStream, Reader>();
  let isClosed = false;
  const take = createShares({
    all: MAX_STREAMS,
    each: MAX_STREAMS_OF_WORKSPACE,
    what: 'open streams',
  });

  const watch = createJobWatch(async (jobId) => {
    const job = await findJobRow(db, jobId, null);
    return job && jobViewFor(await readFactsOfJob(db, job), deps);
  });

  const endThoseOfEnded = async (): Promise<void> => {
    if (streams.size === 0) return;
    // Without PostgreSQL, neither keys nor jobs can be read.
    const isEnded = await readEnded(deps, [...streams.values()]).catch(() => () => false);
    for (const [stream, reader] of streams) if (isEnded(reader)) stream.end();
  };
  const keyCheck = setInterval(() => void endThoseOfEnded(), KEY_CHECK_MS);

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
      const { id, role, session } = reader;
      streams.set(stream, { id, role, session: session && { hash: session.hash } });
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

/** Whether the key or the session of a reader has ended. A reader that is not given is unknown. */
const readEnded = async (
  { database: { db } }: JobJsonDeps,
  readers: readonly Reader[],
): Promise<(reader: Reader) => boolean> => {
  const hashes = readers.flatMap(({ session }) => session?.hash ?? []);
  const keys = new Set(await listEnded(db, [...new Set(readers.map(({ id }) => id))]));
  const sessions = new Set(await listEndedSessions(db, [...new Set(hashes)]));
  return ({ id, session }) => keys.has(id) || (session !== null && sessions.has(session.hash));
};

const requireRoom = (streams: ReadonlyMap<EventStream, Reader>, keyId: string): void => {
  const own = [...streams.values()].filter(({ id }) => id === keyId).length;
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
