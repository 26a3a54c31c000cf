import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { findJobRow } from '../../db/jobs/jobs.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { readJobFacts } from './job-json.ts';
import { createJobStreams } from './job-streams.ts';
import { notFound } from '../http/problems.ts';

const DESCRIPTION =
  'Server-sent events. Each has the job as its data, as `GET /v1/jobs/{id}` answers it but without ' +
  '`live`: `progress` whenever it has moved, with the current state at once, and one `finished`, ' +
  'after which the stream ends. A reader who connects again with `Last-Event-ID` is told only what ' +
  'it does not know; after `finished` that is nothing (204), and it stops. A comment comes every 15 ' +
  'seconds of silence. The stream also ends after some minutes, and when its key is revoked or expires.';

/** One event; the document has no other way to tell of a stream than by its items. */
const eventSchema = z.object({
  id: z.string(),
  event: z.enum(['progress', 'finished']),
  data: z.string().meta({ contentMediaType: 'application/json', description: 'The job' }),
});

const EVENTS = {
  description: 'The events',
  content: { 'text/event-stream': { schema: eventSchema } },
};

/** Neither kept back nor packed by a proxy on its way; its connection ends with it. */
const sendEvents = (reply: FastifyReply, events: Readable): FastifyReply =>
  reply
    .type('text/event-stream')
    .header('cache-control', 'no-store, no-transform')
    .header('x-accel-buffering', 'no')
    .header('connection', 'close')
    .send(events);

/** Live progress of a job. */
export const registerJobEventRoute = (app: App, deps: ApiDeps): void => {
  const streams = createJobStreams(deps);
  app.addHook('preClose', async () => streams.close());

  app.get(
    '/v1/jobs/:id/events',
    {
      // A stream without its body tells nothing, and would never end.
      exposeHeadRoute: false,
      schema: {
        operationId: 'streamJob',
        summary: "A job's progress as it happens",
        description: DESCRIPTION,
        tags: ['jobs'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        response: {
          200: EVENTS,
          204: z.undefined().describe('The job has ended, and the reader was told'),
        },
      },
    },
    async ({ access, actor, params: { id }, headers }, reply) => {
      const { db } = deps.database;
      const job = await findJobRow(db, id, access.workspaceId);
      const [facts] = job === undefined ? [] : await readJobFacts(db, [job]);
      if (facts === undefined) throw notFound('job');
      const lastSeenId = [headers['last-event-id']].flat()[0];
      const events = streams.open(actor, facts, lastSeenId);
      if (events === undefined) return reply.code(204).send();
      return sendEvents(reply, events);
    },
  );
};
