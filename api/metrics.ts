import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Db } from '../db/client.ts';
import { measureClockSkew, readClock } from '../db/clock.ts';
import { countJobs } from '../db/jobs.ts';
import { countDamagedBackups } from '../db/scrubs.ts';
import type { App } from './app.ts';
import { routeOf } from './logging.ts';

/** In seconds: from a look-up to a download of a whole file. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** How old the counts of jobs may be, in milliseconds: anyone may scrape, however often. */
const COUNTS_MAX_AGE_MS = 5_000;
/** Longest wait for the database, in milliseconds; scrapers give up after 10 s. */
const DATABASE_DEADLINE_MS = 2_000;

interface Answer {
  counts: Awaited<ReturnType<typeof countJobs>>;
  damagedBackups: number;
  /** How far this process's clock is ahead. */
  skewSeconds: number;
}

/** Times requests by the route as it was declared; a stream of events lasts as long as its job. */
export const timeRequests = (app: App, registry: Registry): void => {
  const durations = new Histogram({
    name: 'keepsake_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: REQUEST_BUCKETS,
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return;
    const labels = {
      method: request.method,
      route: routeOf(request),
      status: String(reply.statusCode),
    };
    durations.observe(labels, reply.elapsedTime / 1_000);
  });
};

/** Undefined when the database is away, or does not answer in time. */
const askDatabase = (db: Db): Promise<Answer | undefined> => {
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), DATABASE_DEADLINE_MS).unref();
  });
  const answer = db.connection().execute(async (one) => ({
    counts: await countJobs(one),
    damagedBackups: await countDamagedBackups(one),
    skewSeconds: await measureClockSkew(() => readClock(one)),
  }));
  return Promise.race([answer.catch(() => undefined), late]);
};

/** Asks the database once for all who want to know within some seconds. */
const createAsker = (db: Db): (() => Promise<Answer | undefined>) => {
  let asked: { at: number; answer: Promise<Answer | undefined> } | undefined;
  return () => {
    if (asked === undefined || Date.now() - asked.at > COUNTS_MAX_AGE_MS) {
      asked = { at: Date.now(), answer: askDatabase(db) };
    }
    return asked.answer;
  };
};

/** Whether the database answers, the jobs as it has them, and its clock. */
export const watchDatabase = (registry: Registry, db: Db): void => {
  const registers = [registry];
  const ask = createAsker(db);
  const isUp = new Gauge({
    name: 'keepsake_database_up',
    help: '1 when PostgreSQL answers, 0 when it does not',
    registers,
    collect: async () => {
      isUp.set((await ask()) === undefined ? 0 : 1);
    },
  });
  const jobs = new Gauge({
    name: 'keepsake_jobs',
    help: 'Jobs of all workspaces, by type and state; none while PostgreSQL does not answer',
    labelNames: ['type', 'state'],
    registers,
    collect: async () => {
      const answer = await ask();
      jobs.reset();
      for (const { type, state, count } of answer?.counts ?? []) jobs.set({ type, state }, count);
    },
  });
  const damaged = new Gauge({
    name: 'keepsake_damaged_backups',
    help: 'Backups whose files were found damaged; none while PostgreSQL does not answer',
    registers,
    collect: async () => {
      const answer = await ask();
      if (answer === undefined) damaged.remove();
      else damaged.set(answer.damagedBackups);
    },
  });
  const skew = new Gauge({
    name: 'keepsake_clock_skew_seconds',
    help: "How far this process's clock is ahead of the database's; negative when behind",
    labelNames: ['process'],
    registers,
    collect: async () => {
      const answer = await ask();
      skew.reset();
      if (answer !== undefined) skew.set({ process: 'api' }, answer.skewSeconds);
    },
  });
};
