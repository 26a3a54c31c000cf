import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { findJobRow } from '../../db/jobs/jobs.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { readFactsOfJob } from './job-json.ts';
import { createJobStreams } from './job-streams.ts';
import { notFound } from '../http/problems.ts';

const DESCRIPTION =
  'Server-sent events. The data of each event is the job as in `GET /v1/jobs/{id}`, without `live`. ' +
  'The current state is sent at once. A `progress` event follows each change, and a `finished` event ' +
  'ends the stream. A client that connects again with `Last-Event-ID` receives only new events; after ' +
  '`finished` the response is 204, and the client stops. A comment is sent after every 15 seconds ' +
  'without events. The stream also ends after some minutes, when its key is revoked or expires, and when ' +
  'its session ends.';

/** One event. An OpenAPI document can describe a stream only by its items. */
const eventSchema = z.object({
  id: z.string(),
  event: z.enum(['progress', 'finished']),
  data: z.string().meta({ contentMediaType: 'application/json', description: 'The job' }),
});

const EVENTS = {
  description: 'The events',
  content: { 'text/event-stream': { schema: eventSchema } },
};

/** Live progress of a job. */
export const registerJobEventRoute = (app: App, deps: ApiDeps): void => {
  const streams = createJobStreams(deps);
  app.addHook('preClose', async () => streams.close());

  app.get(
    '/v1/jobs/:id/events',
    {
      // A stream without a body has no content, and would never end.
      exposeHeadRoute: false,
      schema: {
        operationId: 'streamJob',
        summary: 'Stream the progress of a job',
        description: DESCRIPTION,
        tags: ['jobs'],
        params: z.strictObject({ id: z.uuid() }),
        querystring: z.strictObject({}),
        response: {
          200: EVENTS,
          204: z
            .undefined()
            .describe('The job has ended, and the client already received its last event'),
        },
      },
    },
    async ({ access, actor, params: { id }, headers }, reply) => {
      const { db } = deps.database;
      const job = await findJobRow(db, id, access.workspaceId);
      if (job === undefined) throw notFound('job');
      const facts = await readFactsOfJob(db, job);
      const lastSeenId = [headers['last-event-id']].flat()[0];
      const events = streams.open(actor, facts, lastSeenId);
      if (events === undefined) return reply.code(204).send();
      return sendEvents(reply, events);
    },
  );
};

/** Proxies must not buffer or compress the stream. Its connection closes at its end. */
const sendEvents = (reply: FastifyReply, events: Readable): FastifyReply =>
  reply
    .type('text/event-stream')
    .header('cache-control', 'no-store, no-transform')
    .header('x-accel-buffering', 'no')
    .header('connection', 'close')
    .send(events);
