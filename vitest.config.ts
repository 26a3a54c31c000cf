import { defineConfig } from 'vitest/config';

const UNIT = 'test/unit/**/!(*.slow).test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    // For two cores: one more than the cores, because tests wait for their own servers.
    maxWorkers: 3,
    projects: [
      // Needs no server, and takes seconds. A file `*.slow.test.ts` runs with the others.
      { extends: true, test: { name: 'unit', include: [UNIT] } },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ['test/**/*.test.ts'],
          exclude: [UNIT],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
    setupFiles: ['test/support/end-with-run.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
