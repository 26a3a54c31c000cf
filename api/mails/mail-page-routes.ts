import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { recordActivity } from '../../db/activity.ts';
import { findRequest } from '../../db/delete-all/delete-all-requests.ts';
import { listProblems } from '../../db/imports/import-tallies.ts';
import { findJobRow, type JobRow } from '../../db/jobs/jobs.ts';
import { listJobsWithRecords } from '../../db/jobs/job-progress.ts';
import { countReasons, findMailedJob, findMailedRequest } from '../../db/mails/mail-pages.ts';
import { type PageLink, readPageToken } from '../../files/page-token.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { hasLog, type SendCsv, sendJobLog } from '../jobs/job-log.ts';
import { renderJobPage, renderRequestPage } from './mail-page.ts';
import {
  hide,
  NO_LINK,
  type NoLink,
  PAGE,
  sendNoLink,
  sendPage,
  tokenParams,
} from '../exports/public-page.ts';

const UNKNOWN: NoLink = { status: 'unknown' };
const ENDED: NoLink = { status: 'ended' };

type OpenJob = { status: 'open'; job: JobRow; workspaceName: string };

const LOG = { description: 'The log', content: { 'text/csv': { schema: z.string() } } };

/** The pages that mails link to. The token is the only key and states its purpose. */
export const registerMailPageRoutes = (app: App, deps: ApiDeps, sendCsv: SendCsv): void => {
  registerPage(app, deps);
  registerLog(app, deps, sendCsv);
};

const registerPage = (app: App, deps: ApiDeps): void => {
  app.get(
    '/p/:token',
    {
      schema: {
        operationId: 'getMailPage',
        summary:
          'The page of a job or request that a mail links to; opening the page changes nothing',
        tags: ['links'],
        params: tokenParams,
        response: { 200: PAGE, 404: NO_LINK, 410: NO_LINK },
      },
    },
    async (request, reply) => {
      const { token } = request.params;
      const link = readPageToken(token, deps.config.linkSecret);
      hide(reply);
      if (link === undefined) return sendNoLink(request, reply, UNKNOWN);
      const page =
        link.purpose === 'request'
          ? await requestPage(deps, link)
          : await jobPage(deps, token, link);
      return typeof page === 'string' ? sendPage(reply, page) : sendNoLink(request, reply, page);
    },
  );
};

const requestPage = async (
  { database: { db }, config: { publicUrl } }: ApiDeps,
  link: PageLink,
): Promise<string | NoLink> => {
  const mailed = await findMailedRequest(db, link);
  if (mailed === undefined) return UNKNOWN;
  if (mailed.link_is_over) return ENDED;
  const request = await findRequest(db, mailed.id, null);
  if (request === undefined) return UNKNOWN;
  const { job_state: state, job_counts: counts, workspace_name: workspaceName } = mailed;
  return renderRequestPage({
    request,
    workspaceName,
    run: state === null ? null : { state, counts },
    publicUrl,
    linkExpiresAt: link.expiresAt,
  });
};

/** The page of a job. It offers the log if the link allows that. */
const jobPage = async (deps: ApiDeps, token: string, link: PageLink): Promise<string | NoLink> => {
  const { db } = deps.database;
  const opened = await openJob(deps, link);
  if (opened.status !== 'open') return opened;
  const { job, workspaceName } = opened;
  const [reasons, problems, recorded] = await Promise.all([
    countReasons(db, job.id),
    listProblems(db, job.type === 'import' ? [job.id] : []),
    listJobsWithRecords(db, [job.id]),
  ]);
  const givesLog = link.purpose === 'log' && isLogThere(job) && recorded.has(job.id);
  return renderJobPage({
    job,
    workspaceName,
    reasons,
    problems: problems.get(job.id) ?? [],
    linkExpiresAt: link.expiresAt,
    ...(givesLog && { logToken: token }),
  });
};

const openJob = async (
  { database: { db } }: ApiDeps,
  link: PageLink,
): Promise<OpenJob | NoLink> => {
  const mailed = await findMailedJob(db, link);
  if (mailed === undefined) return UNKNOWN;
  if (mailed.link_is_over) return ENDED;
  const job = await findJobRow(db, mailed.job_id, null);
  return job === undefined
    ? UNKNOWN
    : { status: 'open', job, workspaceName: mailed.workspace_name };
};

/** The records of a job exist until its backup or its file is removed. */
const isLogThere = (job: JobRow): boolean =>
  hasLog(job) && job.erased_at === null && job.file_removed_at === null;

const registerLog = (app: App, deps: ApiDeps, sendCsv: SendCsv): void => {
  app.get(
    '/p/:token/log',
    {
      schema: {
        operationId: 'downloadLogByLink',
        summary: 'The log of a job that a mail links to; each download is in the activity log',
        tags: ['links'],
        params: tokenParams,
        response: { 200: LOG, 404: NO_LINK, 410: NO_LINK },
      },
    },
    async (request, reply) => {
      const link = readPageToken(request.params.token, deps.config.linkSecret);
      hide(reply);
      // A link to a page does not allow the log.
      if (link?.purpose !== 'log') return sendNoLink(request, reply, UNKNOWN);
      const opened = await openJob(deps, link);
      if (opened.status !== 'open') return sendNoLink(request, reply, opened);
      const { job } = opened;
      if (!isLogThere(job)) return sendNoLink(request, reply, ENDED);
      // A HEAD request reads nothing and is not logged.
      if (request.method === 'HEAD') return sendNothing(reply);
      // If the download cannot be logged, the log is not sent.
      await recordActivity(deps.database.db, {
        kind: 'download',
        workspaceId: job.workspace_id,
        jobId: job.id,
        reason: `log by the link of mail ${link.mailId}`,
      });
      return sendJobLog(deps, sendCsv, reply, job, { spreadsheetSafe: true });
    },
  );
};

/** On HEAD, Fastify sets Content-Length to that of any payload, or none, but an empty stream's. */
const sendNothing = (reply: FastifyReply): FastifyReply =>
  reply.type('text/csv; charset=utf-8; header=present').send(Readable.from([]));
