import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { ActivityDeps } from '../../activities/deps.ts';
import { createImportThreads } from '../../activities/import-threads.ts';
import type { Database } from '../../db/client.ts';
import { DEFAULT_DELETE_ALL_PERCENT } from '../../selection/gate.ts';
import { createDirectoryStorage } from '../../storage/directory.ts';

/** What activities are built of, over a test's database and a folder that is made when it is written to. */
export const fakeDeps = (database: Database): ActivityDeps => ({
  database,
  lanes: database.pool,
  storage: createDirectoryStorage(join(tmpdir(), `keepsake-test-${randomUUID()}`)),
  deleteAllPercent: DEFAULT_DELETE_ALL_PERCENT,
  importThreads: createImportThreads(),
  meter: { rows: () => {}, batch: (batch) => batch },
  crashPoint: () => {},
});
