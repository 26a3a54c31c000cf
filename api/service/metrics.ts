import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Db } from '../../db/client.ts';
import { readClock } from '../../db/connections/clock.ts';
import { readServiceFigures, type ServiceFigures } from '../../db/service-figures.ts';
import type { Storage } from '../../storage/storage.ts';
import type { App } from '../http/app.ts';
import { askForAll, inTime } from '../ask.ts';
import { routeOf } from '../http/logging.ts';

/** Buckets in seconds: from a lookup to the download of a whole file. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Maximum age of cached counts, in milliseconds: anyone may scrape, at any rate. */
const COUNTS_MAX_AGE_MS = 5_000;
/** Longest wait for database and storage, in milliseconds; scrapers time out after 10 s. */
const DEADLINE_MS = 2_000;

type Answer = ServiceFigures | undefined;

interface DatabaseGauge {
  name: string;
  help: string;
  labels: string[];
  /** The values of a metric; values with the same labels are added. */
  read: (figures: ServiceFigures) => { labels: Record<string, string>; value: number }[];
}

const one = (value: number) => [{ labels: {}, value }];

/** Each metric has no value while PostgreSQL does not respond. */
const GAUGES: DatabaseGauge[] = [
  {
    name: 'keepsake_jobs',
    help: 'Jobs of all workspaces, by type and state',
    labels: ['type', 'state'],
    read: ({ jobs }) =>
      jobs.map(({ type, state, count }) => ({ labels: { type, state }, value: count })),
  },
  {
    name: 'keepsake_jobs_ended',
    help: 'Ended jobs of all workspaces, by type, state and error',
    labels: ['type', 'state', 'error'],
    read: ({ jobs }) =>
      jobs
        .filter(({ hasEnded }) => hasEnded)
        .map(({ type, state, error, count }) => ({ labels: { type, state, error }, value: count })),
  },
  {
    name: 'keepsake_oldest_job_seconds',
    help: 'Age of the oldest queued job, and of the oldest running job; 0 if there is no such job',
    labels: ['state'],
    read: ({ oldest }) =>
      (['queued', 'running'] as const).map((state) => ({
        labels: { state },
        value: oldest.find((job) => job.state === state)?.seconds ?? 0,
      })),
  },
  {
    name: 'keepsake_damaged_backups',
    help: 'Backups whose files were found damaged',
    labels: [],
    read: ({ damagedBackups }) => one(damagedBackups),
  },
  {
    name: 'keepsake_overdue_destructions',
    help: 'Expired files and lists that were not destroyed in time',
    labels: [],
    read: ({ overdue }) => one(overdue),
  },
  {
    name: 'keepsake_schedule_succeeded_timestamp_seconds',
    help: 'Time of the last complete run of each schedule',
    labels: ['schedule'],
    read: ({ schedules }) =>
      schedules.map(({ schedule, at }) => ({ labels: { schedule }, value: at })),
  },
  {
    name: 'keepsake_clock_skew_seconds',
    help: "How far this process's clock is ahead of the database's; negative when behind",
    labels: ['process'],
    read: ({ skewSeconds }) => [{ labels: { process: 'api' }, value: skewSeconds }],
  },
];

/** Measures requests by declared route. An event stream lasts as long as its job. */
export const timeRequests = (app: App, registry: Registry): void => {
  const durations = new Histogram({
    name: 'keepsake_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of its response',
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

/** Whether the database responds, and its metrics of the whole service. */
export const watchDatabase = (
  registry: Registry,
  { health, figures }: { health: Db; figures: Db },
): void => {
  const registers = [registry];
  const ask = askForAll(() => askDatabase(figures), COUNTS_MAX_AGE_MS);
  const askIsThere = askForAll(
    () => inTime(isThere(health), DEADLINE_MS, false),
    COUNTS_MAX_AGE_MS,
  );
  const isUp = new Gauge({
    name: 'keepsake_database_up',
    help: '1 if PostgreSQL responds, 0 if not',
    registers,
    collect: async () => {
      // Separate from the other metrics: reading whole tables may outlast the wait of a scraper.
      isUp.set((await askIsThere()) ? 1 : 0);
    },
  });
  for (const { name, help, labels: labelNames, read } of GAUGES) {
    const gauge: Gauge = new Gauge({
      name,
      help: `${help}; absent while PostgreSQL does not respond`,
      labelNames,
      registers,
      collect: async () => {
        const figures = await ask();
        gauge.reset();
        // A metric without labels would report 0.
        if (figures === undefined && labelNames.length === 0) gauge.remove();
        const values = figures === undefined ? [] : read(figures);
        for (const { labels, value } of values) gauge.inc(labels, value);
      },
    });
  }
};

/** Free space of the storage, if known. */
export const watchStorage = (registry: Registry, storage: Pick<Storage, 'freeBytes'>): void => {
  const free = new Gauge({
    name: 'keepsake_storage_free_bytes',
    help: 'Free space of the storage; absent if it is not known',
    registers: [registry],
    collect: async () => {
      const bytes = await inTime(
        storage.freeBytes().catch(() => undefined),
        DEADLINE_MS,
        undefined,
      );
      if (bytes === undefined) free.remove();
      else free.set(bytes);
    },
  });
};

/** Undefined if the database is not available, or does not respond in time. */
const askDatabase = (db: Db): Promise<Answer> =>
  inTime(
    readServiceFigures(db).catch(() => undefined),
    DEADLINE_MS,
    undefined,
  );

const isThere = (db: Db): Promise<boolean> =>
  readClock(db).then(
    () => true,
    () => false,
  );
