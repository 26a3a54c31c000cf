import { defineConfig } from 'vite';
import { NONCE_PLACEHOLDER } from '../rules/console-paths.ts';

/** The build of the console; `npm run build:console` gives the folder to write. */
export default defineConfig({
  root: import.meta.dirname,
  // Nothing is taken from the environment or from a folder of static files.
  envPrefix: 'KEEPSAKE_CONSOLE_',
  publicDir: false,
  html: { cspNonce: NONCE_PLACEHOLDER },
  build: {
    manifest: true,
    emptyOutDir: true,
    // A file in a data: URL would need a wider policy, and is not cached alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // A test has the limits, of what is sent: in gzip.
    chunkSizeWarningLimit: Infinity,
    rolldownOptions: {
      onwarn: (warning, handle) => {
        // Each file of the kit begins with "use client", which has no meaning here.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') handle(warning);
      },
    },
  },
});
