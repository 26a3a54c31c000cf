import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface FoundChromium {
  path: string;
  /** The environment that the program needs. */
  env: NodeJS.ProcessEnv;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The runtime whose libraries and fonts the package then brings along. */
const RUNTIME = 'AWS_Lambda_nodejs20.x';

/**
 * The Chromium of CHROMIUM_PATH, of the PATH, or of the package `@sparticuz/chromium`, which has
 * one for Linux on x64. The package decompresses its files into the folder for temporary files.
 *
 * @throws Error with the reason if there is none
 */
export const findChromium = async (): Promise<FoundChromium> => {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  if (CHROMIUM_PATH) return { path: CHROMIUM_PATH, env: process.env };
  const onPath = PATH.split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
  if (onPath !== undefined) return { path: onPath, env: process.env };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('there is no Chromium on the PATH: install one, or set CHROMIUM_PATH');
  }
  process.env['AWS_EXECUTION_ENV'] = RUNTIME;
  const { default: packaged } = await import('@sparticuz/chromium');
  const path = await packaged.executablePath();
  const fonts = join(tmpdir(), 'fonts');
  writeFileSync(join(fonts, 'fonts.conf'), fontSettings(fonts));
  return { path, env: process.env };
};

/**
 * The package names `/tmp/fonts` in its settings, whatever the folder for temporary files is. A
 * page without a font has no visible text.
 */
const fontSettings = (folder: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${folder}</dir>
  <cachedir>${join(folder, 'cache')}</cachedir>
</fontconfig>
`;
