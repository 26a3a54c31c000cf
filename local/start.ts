import { join, resolve } from 'node:path';
import type { DemoKeys } from './demo/demo-seed.ts';
import { databaseElsewhere } from './postgres/postgres-place.ts';
import { listenForSignals } from './processes/signals.ts';
import type { Stack } from './stack.ts';

const say = (line: string): void => console.log(line);

const shellQuote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const keyLines = (keys: DemoKeys, file: string): string[] => [
  '',
  `Keys of the workspace demo, shown only once; they are stored in ${file}:`,
  ...Object.entries(keys).map(([who, key]) => `  ${who.padEnd(12)} ${key}`),
];

const curlLines = (api: string, keysFile: string): string[] => {
  const script = `JSON.parse(fs.readFileSync(${JSON.stringify(keysFile)})).admin`;
  const header = `-H "Authorization: Bearer $(node -p ${shellQuote(script)})"`;
  return ['', 'Try:', `  curl ${header} '${api}/v1/users?limit=3'`];
};

const showReady = ({ info, newKeys }: Stack, dataDir: string, hasDemo: boolean): void => {
  const { api, temporal, temporalUi, outbox, console: page } = info();
  const keysFile = join(dataDir, 'keys.json');
  const elsewhere = databaseElsewhere(dataDir);
  const seconds = (performance.now() / 1_000).toFixed(1);
  const places = [
    ['Console', page ?? 'not served'],
    ['API', api],
    ['Docs', `${api}/docs`],
    ['Temporal UI', temporalUi ?? `the UI of the server at ${temporal}`],
    ['Outbox', outbox ?? 'none: mails are sent by the provider'],
    ['Data', dataDir],
    ...(elsewhere === undefined ? [] : [['Database', elsewhere]]),
  ];
  const lines = [
    `Keepsake is ready after ${seconds} s.`,
    '',
    ...places.map(([name = '', place]) => `  ${name.padEnd(12)} ${place}`),
    ...(newKeys === undefined ? [] : keyLines(newKeys, keysFile)),
    ...(hasDemo
      ? curlLines(api, keysFile)
      : ['', 'Create a workspace and keys with "npm run workspaces" and "npm run keys".']),
    '',
    'Ctrl-C stops everything.',
  ];
  say(lines.join('\n'));
};

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    // A listener alone does not keep the process alive.
    const timer = setInterval(() => {}, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      done();
    });
  });

const main = async (): Promise<void> => {
  // Applies to all child processes as well: only this user may read their files.
  process.umask(0o077);
  let dataDir = '';
  const signal = listenForSignals(() => dataDir);
  let stack: Stack | undefined;
  try {
    // Loaded late: loading takes a second, and signals must be handled during that time.
    const [{ readLocalEnv }, { startStack }] = await Promise.all([
      import('../config.ts'),
      import('./stack.ts'),
    ]);
    const env = readLocalEnv();
    dataDir = resolve(env.KEEPSAKE_DATA_DIR);
    stack = await startStack({ env, dataDir, log: say, withConsole: true, demo: true, signal });
    showReady(stack, dataDir, env.DATABASE_URL === undefined);
    await untilAborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await stack?.stop();
  }
  say('Stopped.');
};

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  process.exit(1);
}
