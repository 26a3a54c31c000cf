import { z } from 'zod';
import { findJobRow } from '../../db/jobs/jobs.ts';
import { listJobMails, listRequestMails } from '../../db/mails/mail-rounds.ts';
import { noticeOf } from '../../workflows/contracts/delete-all.ts';
import { JOB_MAIL } from '../../workflows/contracts/mails.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob } from '../jobs/begin-job.ts';
import { dataOf, getRequest } from '../delete-all/decide.ts';
import { describeRequest, requestSchema } from '../delete-all/delete-all-json.ts';
import { jobSchema } from '../jobs/job-schema.ts';
import { notFound, problem } from '../http/problems.ts';
import { sendMailAgain } from './send-mail-again.ts';

const params = z.strictObject({ id: z.uuid() });

/** Sending mails again. */
export const registerMailRoutes = (app: App, deps: ApiDeps): void => {
  registerOfJob(app, deps);
  registerOfRequest(app, deps);
};

const registerOfJob = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.post(
    '/v1/jobs/:id/notify',
    {
      schema: {
        operationId: 'notifyJob',
        summary: 'Send the mail of an ended job again; a double click sends one mail',
        tags: ['jobs'],
        params,
        querystring: z.strictObject({}),
        response: { 202: jobSchema.describe('The job, with the mail that is being sent') },
      },
    },
    async (request, reply) => {
      const job = await findJobRow(db, request.params.id, request.access.workspaceId);
      if (job === undefined) throw notFound('job');
      if (job.finished_at === null) {
        throw problem(
          'wrong-state',
          `Job ${job.id} is ${job.state}. Its mail is sent once the job ends.`,
          { data: { jobId: job.id } },
        );
      }
      await sendMailAgain(request, deps, {
        subject: { jobId: job.id },
        name: `job ${job.id}`,
        kind: JOB_MAIL,
        workspaceId: job.workspace_id,
        mails: (await listJobMails(db, [job.id])).get(job.id) ?? [],
        inputOf: (round) => ({ jobId: job.id, round }),
      });
      return acceptJob(request, reply, job, deps);
    },
  );
};

const registerOfRequest = (app: App, deps: ApiDeps): void => {
  const { db } = deps.database;
  app.post(
    '/v1/delete-all-requests/:id/notify',
    {
      schema: {
        operationId: 'notifyDeleteAll',
        summary: 'Send the mails about the state of a request again, to all current recipients',
        tags: ['delete all'],
        params,
        querystring: z.strictObject({}),
        response: {
          202: requestSchema.describe('The request, with the mails that are being sent'),
        },
      },
    },
    async (request, reply) => {
      const { workspaceId } = request.access;
      const row = await getRequest(deps, request.params.id, workspaceId);
      const kind = noticeOf(row.state);
      if (kind === undefined) {
        throw problem(
          'wrong-state',
          `Request ${row.id} is running. Its mails are sent once the run ends.`,
          { data: dataOf(row) },
        );
      }
      const mails = await listRequestMails(db, row.id);
      await sendMailAgain(request, deps, {
        subject: { requestId: row.id },
        name: `request ${row.id}`,
        kind,
        workspaceId: row.workspace_id,
        mails: mails.filter((mail) => mail.kind === kind),
        inputOf: (round) => ({ requestId: row.id, kind, round }),
      });
      reply.code(202).header('location', `/v1/delete-all-requests/${row.id}`);
      return describeRequest(await getRequest(deps, row.id, workspaceId), deps, request.actor);
    },
  );
};
