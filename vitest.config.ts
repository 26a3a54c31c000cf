import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS } from './test/support/patience.ts';

const ALL = 'test/**/*.test.ts';
const BROWSER = 'test/browser/**/*.test.ts';
const WHOLE_STACK = 'test/{e2e,faults}/**/*.test.ts';
const UNIT = 'test/unit/**/!(*.slow|*.isolated).test.ts';
const ISOLATED = 'test/**/*.isolated.test.ts';
const globalSetup = ['test/support/global-setup.ts'];

/** One more than the cores, because tests wait for their own servers. Each needs some memory. */
const WORKERS = Math.min(8, Math.max(3, availableParallelism() + 1));

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: WORKERS,
    // Files share the modules of their process: each loaded some 300 files anew before.
    isolate: false,
    // They run in the order of their names, so the longest files come first.
    projects: [
      { extends: true, test: { name: 'browser', include: [BROWSER], globalSetup } },
      { extends: true, test: { name: 'e2e', include: [WHOLE_STACK], globalSetup } },
      // A file that replaces a module by `vi.mock` needs modules of its own.
      {
        extends: true,
        test: { name: 'isolated', include: [ISOLATED], isolate: true, globalSetup },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: [ALL],
          exclude: [BROWSER, WHOLE_STACK, UNIT, ISOLATED],
          globalSetup,
        },
      },
      // Needs no server, and takes seconds. A file `*.slow.test.ts` runs with the others.
      { extends: true, test: { name: 'unit', include: [UNIT] } },
    ],
    setupFiles: ['test/support/end-with-run.ts'],
    expect: { poll: { timeout: PATIENCE_MS, interval: 50 } },
    testTimeout: 2 * PATIENCE_MS,
    hookTimeout: 2 * PATIENCE_MS,
  },
});
