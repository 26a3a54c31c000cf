import { beforeAll } from 'vitest';
import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { uuidv7 } from 'uuidv7';
import { createCheckImport } from '../../../activities/imports/check-import.ts';
import type { ActivityDeps } from '../../../activities/deps.ts';
import { createFinishJob } from '../../../activities/jobs/finish-job.ts';
import { createImportUsers } from '../../../activities/imports/import-users.ts';
import { claimJob, enterPhase } from '../../../db/jobs/job-runs.ts';
import { insertJob } from '../../../db/jobs/jobs.ts';
import type { ImportOptions } from '../../../imports/options.ts';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { importKey } from '../../../files/import-key.ts';
import type { JobEnd } from '../../../workflows/contracts/jobs.ts';
import { fakeDeps } from './activity-deps.ts';
import type { TestDatabase } from '../database/database.ts';
import type { SeededWorkspace } from './deletion.ts';

const never = new AbortController().signal;

export const UPDATE: ImportOptions = {
  mode: 'update',
  mergeTags: false,
  dryRun: false,
  spreadsheetSafe: true,
  notify: false,
};

const completed: JobEnd = { kind: 'completed' };

/** The activities of an import on a real database and folder, which a test calls in any order. */
export const createImportSteps = async (database: TestDatabase) => {
  const storageDir = await mkdtemp(join(tmpdir(), 'keepsake-files-'));
  const deps: ActivityDeps = {
    ...fakeDeps(database.worker),
    storage: createDirectoryStorage(storageDir),
  };
  const { db } = database.app;
  const check = createCheckImport(deps);
  const importUsers = createImportUsers(deps);
  const finish = createFinishJob(deps);

  /** Starts an import of a file with this text. */
  const start = async (
    { workspaceId, keyId }: SeededWorkspace,
    content: string | Buffer,
    options: Partial<ImportOptions> = {},
  ): Promise<string> => {
    const bytes = Buffer.from(content);
    const fileId = uuidv7();
    await deps.storage.put(importKey(fileId), Readable.from([bytes]));
    const jobId = uuidv7();
    await insertJob(db, {
      id: jobId,
      workspaceId,
      type: 'import',
      selection: { type: 'file' },
      options: { ...UPDATE, ...options },
      actorKeyId: keyId,
      importFile: {
        id: fileId,
        facts: {
          bytes: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        },
      },
    });
    await claimJob(db, jobId, 'test-run');
    return jobId;
  };

  const steps = {
    deps,
    storageDir,
    start,
    check: async (jobId: string) => {
      await enterPhase(db, jobId, 'checking');
      return check({ jobId }, never);
    },
    import: async (jobId: string) => {
      await enterPhase(db, jobId, 'importing');
      return importUsers({ jobId }, never);
    },
    finish: (jobId: string, end: JobEnd = completed) => finish({ jobId, end }),
  };
  return {
    ...steps,
    /** Imports a text from beginning to end. */
    run: async (
      workspace: SeededWorkspace,
      content: string | Buffer,
      options: Partial<ImportOptions> = {},
    ) => {
      const jobId = await start(workspace, content, options);
      await steps.check(jobId);
      await steps.import(jobId);
      return { jobId, ...(await steps.finish(jobId)) };
    },
  };
};

export type ImportSteps = Awaited<ReturnType<typeof createImportSteps>>;

/** Failed lines of an import, by line number. */
export const failuresOf = async ({ owner }: TestDatabase, jobId: string) => {
  const { rows } = await owner.pool.query<{
    line: number;
    payload: string;
    code: string;
    message: string;
  }>('SELECT line, payload, code, message FROM import_failures WHERE job_id = $1 ORDER BY line', [
    jobId,
  ]);
  return rows;
};

/** The steps for all tests of a file; available once its tests begin. */
export const useImportSteps = (database: () => TestDatabase): ImportSteps => {
  const steps = {} as ImportSteps;
  beforeAll(async () => {
    Object.assign(steps, await createImportSteps(database()));
  });
  return steps;
};
