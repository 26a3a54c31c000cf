import type { FastifyRequest } from 'fastify';
import type { App } from '../http/app.ts';
import { allowUpload } from '../http/body-deadline.ts';
import { MAX_UPLOADS_AT_ONCE, MAX_UPLOADS_OF_WORKSPACE } from '../http/limits.ts';
import { problem } from '../http/problems.ts';
import { refuseEncoded } from '../http/read-bodies.ts';
import { createShares } from '../shares.ts';

const FORM = 'multipart/form-data';

/**
 * Runs an upload in its turn. @throws ProblemError when others have all turns, or it is of another
 * type
 */
export type WithUpload = <T>(
  request: FastifyRequest,
  upload: (stop: AbortController) => Promise<T>,
) => Promise<T>;

/** Lets the routes of a scope read forms as streams, and nothing else. */
export const readFormsOnly = (scope: App): void => {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(FORM, async ({ headers }: FastifyRequest) => {
    refuseEncoded(headers['content-encoding']);
  });
  scope.addContentTypeParser('*', async () => {
    throw otherType();
  });
};

/** Limits concurrent uploads of all kinds. Each upload is aborted when the API stops. */
export const createUploads = (app: App): WithUpload => {
  const uploads = new Set<AbortController>();
  const take = createShares({
    all: MAX_UPLOADS_AT_ONCE,
    each: MAX_UPLOADS_OF_WORKSPACE,
    what: 'concurrent uploads',
  });
  app.addHook('preClose', async () => {
    const closing = problem('busy', 'The API is stopping. Upload the file again.', {
      headers: { connection: 'close' },
    });
    for (const upload of uploads) upload.abort(closing);
  });
  return async ({ raw, headers, workspaceId }, upload) => {
    if (headers['content-type'] === undefined) throw otherType();
    const giveBack = take(workspaceId);
    const stop = new AbortController();
    uploads.add(stop);
    try {
      return await allowUpload(raw, () => upload(stop));
    } finally {
      uploads.delete(stop);
      giveBack();
    }
  };
};

const otherType = () => problem('unsupported-media-type', `This path accepts ${FORM} only.`);
