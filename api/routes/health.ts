import { z } from 'zod';
import type { Db } from '../../db/client.ts';
import { hasLivingWorker } from '../../db/heartbeats.ts';
import type { ApiDeps, App } from '../app.ts';
import { problem } from '../problems.ts';

/** Workers beat every few seconds; one that missed this many is gone. */
const WORKER_SILENCE_SECONDS = 15;

/** Longest wait for the database's answer, in milliseconds. */
const DATABASE_DEADLINE_MS = 2_000;

const okSchema = z.object({ status: z.literal('ok') });

type DatabaseAnswer = 'away' | 'noWorker' | 'worker';

const askDatabase = async (db: Db): Promise<DatabaseAnswer> => {
  const late = new Promise<DatabaseAnswer>((resolve) => {
    setTimeout(() => resolve('away'), DATABASE_DEADLINE_MS).unref();
  });
  const answer = hasLivingWorker(db, WORKER_SILENCE_SECONDS).then(
    (isAlive): DatabaseAnswer => (isAlive ? 'worker' : 'noWorker'),
    (): DatabaseAnswer => 'away',
  );
  return Promise.race([answer, late]);
};

export const registerHealthRoutes = (app: App, { database, jobs }: ApiDeps): void => {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        summary: 'Says that this process answers',
        tags: ['service'],
        response: { 200: okSchema },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Says whether database, Temporal and a living worker are there',
        tags: ['service'],
        response: { 200: okSchema },
      },
    },
    async () => {
      const [answer, isTemporalThere] = await Promise.all([
        askDatabase(database.db),
        jobs.isReachable(),
      ]);
      const missing = [
        ...(answer === 'away' ? ['the database'] : []),
        ...(isTemporalThere ? [] : ['Temporal']),
        ...(answer === 'noWorker' ? ['a living worker'] : []),
      ];
      if (missing.length > 0) throw problem('not-ready', `Missing: ${missing.join(', ')}.`);
      return { status: 'ok' as const };
    },
  );
};
