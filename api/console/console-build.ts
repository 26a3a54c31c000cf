import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

export interface Console {
  /** The HTML of the page, with the placeholder of the nonce. */
  page: string;
  /** The absolute path of the folder with the files that the page loads. */
  assetsDir: string;
}

/** Reads a build of the console. @throws Error if the folder has no build */
export const openConsole = async (consoleDir: string): Promise<Console> => {
  const path = join(resolve(consoleDir), 'index.html');
  try {
    return { page: await readFile(path, 'utf8'), assetsDir: join(resolve(consoleDir), 'assets') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      `CONSOLE_DIR has no build of the console: ${path} cannot be read (${code}). ` +
        `Run "npm run build:console -- ${consoleDir}", or remove the setting.`,
      { cause: error },
    );
  }
};
