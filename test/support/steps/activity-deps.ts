import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { DecideDeps } from '../../../activities/delete-all/decide-request.ts';
import type { ActivityDeps, WebhookDeps } from '../../../activities/deps.ts';
import { createImportThreads } from '../../../activities/imports/import-threads.ts';
import type { MailMeter } from '../../../activities/meter.ts';
import type { Database } from '../../../db/client.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { createPost } from '../../../webhooks/post.ts';

/**
 * Dependencies of activities, with a test's database, and a folder that is made at the first write.
 */
export const fakeDeps = (database: Database): ActivityDeps & { mailMeter: MailMeter } => ({
  database,
  lanes: database.pool,
  storage: createDirectoryStorage(join(tmpdir(), `keepsake-test-${randomUUID()}`)),
  importThreads: createImportThreads(),
  meter: { rows: () => {}, batch: (batch) => batch },
  mailMeter: () => {},
  crashPoint: () => {},
});

export const TEST_SECRET = 'a secret that is long enough for links';

/** The same, with the dependencies of decisions on requests. */
export const fakeDecideDeps = (
  database: Database,
): DecideDeps & WebhookDeps & { mailMeter: MailMeter } => ({
  ...fakeDeps(database),
  webhooks: {
    post: createPost({ allowPrivate: true }),
    meter: { attempt: () => {}, delivery: () => {} },
  },
  config: { linkSecret: TEST_SECRET, deleteAllSignals: 'code' },
});
