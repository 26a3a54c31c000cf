import type { Readable } from 'node:stream';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { findImportFile } from '../../db/imports/import-files.ts';
import { findJobByKey } from '../../db/jobs/jobs.ts';
import { propertyTypesOf } from '../../db/users/properties.ts';
import { namesOf, readHeader } from '../../imports/header.ts';
import { importKey, importPrefix } from '../../files/import-key.ts';
import type { ApiDeps } from '../deps.ts';
import type { App } from '../http/app.ts';
import { acceptJob, beginJob } from '../jobs/begin-job.ts';
import { unprocessable, withSavedMapping } from './import-mapping.ts';
import type { WantedImport } from './import-options.ts';
import { readIdempotency } from '../http/idempotency.ts';
import { startedJobSchema } from '../jobs/job-schema.ts';
import { type InputError, isProblem } from '../http/problems.ts';
import { type ReceivedImport, receiveImport } from './receive-import.ts';
import { readFormsOnly, type WithUpload } from './uploads.ts';

/** Uploads have their own parsers, only for this route. */
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
            'Uploads the file, checks its header, and starts a job. The job reads every line before it writes ' +
            'any user. The columns are the same as in an export; docs/importing.md describes them.',
          tags: ['imports'],
          querystring: z.strictObject({}),
          response: { 202: startedJobSchema },
        },
      },
      async (request, reply) =>
        withUpload(request, (stop) => importFile(request, reply, deps, stop)),
    );
  });
};

const importFile = async (
  request: FastifyRequest,
  reply: FastifyReply,
  deps: ApiDeps,
  stop: AbortController,
) => {
  // Checked before the body, so that an invalid key is reported without waiting for the upload.
  readIdempotency(request, null);
  const fileId = uuidv7();
  const remove = () => removeUnused(deps, request, fileId);
  let received: ReceivedImport;
  try {
    received = await receive(request, deps, fileId, stop);
  } catch (error) {
    await remove();
    throw error;
  }
  const job = await beginImport(request, deps, fileId, received).catch(async (error: unknown) => {
    // After any other error, the job may exist already, or be about to be stored.
    if (isProblem(error)) await remove();
    throw error;
  });
  // An earlier request with the same key has another file.
  await remove();
  return acceptJob(request, reply, job, deps);
};

/**
 * Removes a file without a job. If the lookup or the removal fails, the file
 * is left to the sweep.
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
    request.log.warn(
      { err: error, fileId },
      'an uploaded file was not removed: the sweep will remove it',
    );
  }
};

/**
 * Stores the file of a request. @throws ProblemError when its options make no sense, before the
 * file is read
 */
const receive = (
  request: FastifyRequest,
  { database: { db }, storage }: ApiDeps,
  fileId: string,
  stop: AbortController,
): Promise<ReceivedImport> => {
  const { workspaceId } = request;
  const key = readIdempotency(request, null)?.key;
  const check = async (options: WantedImport): Promise<ReadonlySet<string>> => {
    const isRepeated =
      key !== undefined && (await findJobByKey(db, workspaceId, key)) !== undefined;
    const resolved = withSavedMapping(db, workspaceId, options);
    return namesOf(await (isRepeated ? resolved.catch(() => options) : resolved));
  };
  const store = (content: Readable) => storage.put(importKey(fileId), content);
  return receiveImport(request.raw, { check, store }, stop);
};

/**
 * Stores the job of a stored file, or finds the job of its idempotency key, and returns it.
 * A repeated request keeps its first meaning, so only a new job checks the mapping and the
 * header.
 *
 * @throws ProblemError if the mapping does not exist, or the header has errors
 */
const beginImport = async (
  request: FastifyRequest,
  deps: ApiDeps,
  fileId: string,
  { options: asked, file: facts }: ReceivedImport,
) => {
  const { workspaceId } = request;
  const body = { options: asked, sha256: facts.sha256 };
  return beginJob(request, readIdempotency(request, body), deps, async () => {
    const resolved = await withSavedMapping(deps.database.db, workspaceId, asked);
    await requireHeader(deps, workspaceId, fileId, resolved);
    const { reason, ...options } = resolved;
    return {
      id: uuidv7(),
      type: 'import',
      selection: { type: 'file' },
      options,
      importFile: { id: fileId, facts },
      ...(reason !== undefined && { reason }),
    };
  });
};

/** @throws ProblemError 422 with all columns that have errors */
const requireHeader = async (
  { database: { db }, storage }: ApiDeps,
  workspaceId: string,
  fileId: string,
  options: WantedImport,
): Promise<void> => {
  const types = await propertyTypesOf(db, workspaceId);
  const { matchBy, columns } = options;
  const header = await readHeader(await storage.get(importKey(fileId)), {
    types,
    matchBy,
    columns,
  });
  if (!('errors' in header)) return;
  const errors = header.errors.map((error) => inRequest(options, error));
  throw unprocessable(errors, header.count);
};

/** Places of a mapping that was named, as places of the request. */
const inRequest = ({ mapping }: WantedImport, error: InputError): InputError =>
  mapping === undefined || !error.pointer.startsWith('/options/columns/')
    ? error
    : { ...error, pointer: '/options/mapping' };
