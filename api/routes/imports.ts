import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { findImportFile } from '../../db/import-files.ts';
import { propertyTypesOf } from '../../db/properties.ts';
import { readHeader } from '../../imports/header.ts';
import { importKey, importPrefix } from '../../storage/import-key.ts';
import type { ApiDeps, App } from '../app.ts';
import { acceptJob, beginJob } from '../begin-job.ts';
import { readIdempotency } from '../idempotency.ts';
import { jobSchema } from '../job-schema.ts';
import { isProblem, problem } from '../problems.ts';
import { type ReceivedImport, receiveImport } from '../receive-import.ts';
import { readFormsOnly, type WithUpload } from '../uploads.ts';

/** Errors of a header that are in the answer's \`detail\`, too. */
const MAX_TOLD_ERRORS = 5;

/** @throws ProblemError 422 naming each column that is wrong */
const requireHeader = async (
  { database: { db }, storage }: ApiDeps,
  workspaceId: string,
  fileId: string,
): Promise<void> => {
  const types = await propertyTypesOf(db, workspaceId);
  const header = await readHeader(await storage.get(importKey(fileId)), types);
  if (!('errors' in header)) return;
  const { errors } = header;
  const told = errors
    .slice(0, MAX_TOLD_ERRORS)
    .map(({ pointer, detail }) => `${pointer}: ${detail}`);
  if (errors.length > told.length) told.push(`${errors.length} errors in all, see errors`);
  throw problem('unprocessable', told.join('; '), { errors });
};

/** Writes the job of a stored file, or finds the one its idempotency key made, and answers with it. */
const beginImport = async (
  request: FastifyRequest,
  deps: ApiDeps,
  fileId: string,
  { options: { reason, ...options }, file: facts }: ReceivedImport,
) => {
  const body = { options: { ...options, reason }, sha256: facts.sha256 };
  return beginJob(request, readIdempotency(request, body), deps, async () => ({
    id: uuidv7(),
    type: 'import',
    selection: { type: 'file' },
    options,
    importFile: { id: fileId, facts },
    ...(reason !== undefined && { reason }),
  }));
};

/**
 * Removes a file that belongs to no job. Where that cannot be looked up, or it cannot be removed, it is
 * left to the sweep.
 */
const removeUnused = async (
  { database: { db }, storage }: ApiDeps,
  request: FastifyRequest,
  fileId: string,
): Promise<void> => {
  try {
    const row = await findImportFile(db, fileId);
    if (row === undefined) await storage.remove(importPrefix(fileId));
  } catch (error) {
    request.log.warn({ err: error, fileId }, 'an uploaded file is left to be swept');
  }
};

const importFile = async (
  request: FastifyRequest,
  reply: FastifyReply,
  deps: ApiDeps,
  stop: AbortController,
) => {
  // Before the body: a key that is none need not wait for the upload to be told.
  readIdempotency(request, null);
  const fileId = uuidv7();
  const remove = () => removeUnused(deps, request, fileId);
  let received: ReceivedImport;
  try {
    received = await receiveImport(
      request.raw,
      (content) => deps.storage.put(importKey(fileId), content),
      stop,
    );
    await requireHeader(deps, request.workspaceId, fileId);
  } catch (error) {
    await remove();
    throw error;
  }
  const job = await beginImport(request, deps, fileId, received).catch(async (error: unknown) => {
    // Whatever else went wrong, its job may be written all the same, or about to be.
    if (isProblem(error)) await remove();
    throw error;
  });
  // An earlier request with the same key has another file.
  await remove();
  return acceptJob(request, reply, job, deps);
};

/** Uploads have parsers of their own, for this route alone. */
export const registerImportRoutes = (app: App, deps: ApiDeps, withUpload: WithUpload): void => {
  void app.register(async (scope) => {
    readFormsOnly(scope);
    scope.post(
      '/v1/imports',
      {
        schema: {
          operationId: 'startImport',
          summary: 'Import users from a CSV file',
          description:
            'The file is uploaded, its header checked, and a job begun that reads every line before it writes ' +
            'any user. Its columns are those of an export; docs/importing.md tells of them.',
          tags: ['imports'],
          querystring: z.strictObject({}),
          response: { 202: jobSchema },
        },
      },
      async (request, reply) =>
        withUpload(request, (stop) => importFile(request, reply, deps, stop)),
    );
  });
};
