import type { FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { allowUpload } from './body-deadline.ts';
import { MAX_UPLOADS_AT_ONCE } from './limits.ts';
import { problem } from './problems.ts';
import { refuseEncoded } from './read-bodies.ts';

const FORM = 'multipart/form-data';

const otherType = () => problem('unsupported-media-type', `This path reads ${FORM} only.`);

/** Lets the routes of a scope read forms, by hand, as they come, and nothing else. */
export const readFormsOnly = (scope: App): void => {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(FORM, async ({ headers }: FastifyRequest) => {
    refuseEncoded(headers['content-encoding']);
  });
  scope.addContentTypeParser('*', async () => {
    throw otherType();
  });
};

/** Runs an upload in its turn. @throws ProblemError when others have all turns, or it is of another type */
export type WithUpload = <T>(
  request: FastifyRequest,
  upload: (stop: AbortController) => Promise<T>,
) => Promise<T>;

/** At most so many at a time, whatever they are for, each to be broken off when the API closes. */
export const createUploads = (app: App): WithUpload => {
  const uploads = new Set<AbortController>();
  app.addHook('preClose', async () => {
    const closing = problem('busy', 'The API closes; upload again.', {
      headers: { connection: 'close' },
    });
    for (const upload of uploads) upload.abort(closing);
  });
  return async ({ raw, headers }, upload) => {
    if (headers['content-type'] === undefined) throw otherType();
    if (uploads.size >= MAX_UPLOADS_AT_ONCE) {
      throw problem('busy', 'Other files are being uploaded; wait a little.');
    }
    const stop = new AbortController();
    uploads.add(stop);
    try {
      return await allowUpload(raw, () => upload(stop));
    } finally {
      uploads.delete(stop);
    }
  };
};
