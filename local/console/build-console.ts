import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'vite';
import { PROJECT_FOLDER } from '../processes/keepsake-process.ts';

/** Files of text. Pictures are compressed already. */
const COMPRESSED = new Set(['.css', '.js', '.svg']);
/** A smaller file fits into the first packet anyway. */
const MIN_BYTES = 1_024;
const GZIP_LEVEL = 9;
/** 11 is 2 % smaller, and takes eight times as long. */
const BROTLI_QUALITY = 9;

/** Writes `.br` and `.gz` beside each file, so that the API does not compress while it answers. */
const compressAll = async (folder: string): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => COMPRESSED.has(extname(name)));
  for (const path of names.map((name) => join(folder, name))) {
    const content = await readFile(path);
    if (content.length < MIN_BYTES) continue;
    const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
    await writeFile(`${path}.br`, await promisify(brotliCompress)(content, { params }));
    await writeFile(`${path}.gz`, await promisify(gzip)(content, { level: GZIP_LEVEL }));
  }
};

/** What a build leaves in the folder, also if it was interrupted, and files of file managers. */
const OF_A_BUILD =
  /^(?:\.vite|\.DS_Store|\.[0-9a-f]{12}\.tmp|@eaDir|assets|index\.html|sources\.sha256)$/;

/** The first file or folder in a folder that is not part of a build. */
const findForeign = async (folder: string): Promise<string | undefined> => {
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names.toSorted().find((name) => !OF_A_BUILD.test(name));
};

const [target] = process.argv.slice(2);
if (target === undefined) {
  console.error(
    'Usage: npm run build:console -- <folder>\n\nThe folder is emptied first. It must be a new folder, an empty one, or one with an earlier build.',
  );
  process.exit(2);
}
// Tests set another value, and React would be built with its checks for developers.
process.env['NODE_ENV'] = 'production';
const outDir = resolve(target);
const foreign = await findForeign(outDir);
if (foreign !== undefined) {
  console.error(
    `${outDir} holds ${foreign}, which is not part of a build of the console, and a build empties ` +
      'its folder. Name a new or an empty folder, or remove these files first.',
  );
  process.exit(1);
}
await build({
  configFile: join(PROJECT_FOLDER, 'web', 'vite.config.ts'),
  build: { outDir },
  logLevel: 'warn',
});
await compressAll(join(outDir, 'assets'));
