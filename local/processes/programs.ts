import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin, stop } from 'esbuild';
import { makeFolder } from '../../storage/make-folder.ts';
import { readJson, writePrivateJson } from '../data-folder.ts';
import { PROJECT_FOLDER } from './keepsake-process.ts';

/** The folder of compiled programs, in a data folder. */
export const PROGRAMS_FOLDER = 'programs';

/** The content of `programs.json`, written last. Paths are relative to the project's folder. */
interface Compiled {
  /** The main files. */
  files: string[];
  /** The main files, and all files that they import, except packages. */
  sources: string[];
  hash: string;
}

/**
 * Compiles main files into a data folder, each with its imports except packages. A process starts
 * in less than half the time that the loader needs to translate some 300 files. Existing programs
 * are used if their sources have not changed.
 *
 * @param files relative to the project's folder
 * @throws Error with the messages of the compiler, when a source has a syntax error
 */
export const compilePrograms = async (dataDir: string, files: string[]): Promise<void> => {
  const folder = join(dataDir, PROGRAMS_FOLDER);
  const recordFile = join(folder, 'programs.json');
  if (isCurrent(readJson(recordFile) as Compiled | undefined, files)) return;
  rmSync(folder, { recursive: true, force: true });
  await makeFolder(folder);
  // Node looks for packages in the folders above a program, and the data folder may be anywhere.
  symlinkSync(join(PROJECT_FOLDER, 'node_modules'), join(folder, 'node_modules'));
  const sources = await compile(files, folder);
  writePrivateJson(recordFile, { files, sources, hash: hashOf(sources) } satisfies Compiled);
};

/** The path of a compiled main file. */
export const programOf = (dataDir: string, file: string): string =>
  join(dataDir, PROGRAMS_FOLDER, file.replace(/\.ts$/, '.mjs'));

/** The calls that use the compiler's process. */
let compiling = 0;

/** Returns the paths of all sources. */
const compile = async (files: string[], folder: string): Promise<string[]> => {
  compiling += 1;
  try {
    const { metafile } = await build({
      absWorkingDir: PROJECT_FOLDER,
      entryPoints: files,
      outdir: folder,
      outbase: PROJECT_FOLDER,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: `node${process.versions.node}`,
      sourcemap: true,
      metafile: true,
      logLevel: 'silent',
      plugins: [originalPlaces],
    });
    return Object.keys(metafile.inputs).toSorted();
  } finally {
    compiling -= 1;
    // The compiler's process would otherwise remain as long as this one. Its end would leave
    // another call without an answer.
    if (compiling === 0) await stop();
  }
};

const isCurrent = (compiled: Compiled | undefined, files: string[]): boolean =>
  compiled !== undefined &&
  files.every((file) => compiled.files.includes(file)) &&
  hashOf(compiled.sources) === compiled.hash;

const hashOf = (sources: string[]): string => {
  const hash = createHash('sha256').update(process.version);
  for (const source of sources) {
    const path = join(PROJECT_FOLDER, source);
    hash.update(`\0${path}\0`).update(existsSync(path) ? readFileSync(path) : '');
  }
  return hash.digest('hex');
};

/** Sources find other files, such as migrations, by their own path, which is not the program's. */
const originalPlaces: Plugin = {
  name: 'original-places',
  setup: (compiler) => {
    compiler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: 'ts' };
    });
  },
};
