const BAR_WIDTH = 28;

export interface Step {
  show: (done: number, total: number | null) => void;
}

/** Runs one step of the demo with a progress bar, and prints how long it took. */
export const runStep = async <Result>(
  title: string,
  run: (step: Step) => Promise<Result>,
): Promise<Result> => {
  const start = performance.now();
  const isTerminal = process.stdout.isTTY;
  const label = title.padEnd(44);
  const show = (done: number, total: number | null): void => {
    if (!isTerminal || total === null || total === 0) return;
    const counts = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
    process.stdout.write(`\r${label} ${bar(done / total)} ${counts}\u001b[K`);
  };
  const result = await run({ show });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const line = `${label} ${bar(1)} ${seconds} s`;
  process.stdout.write(isTerminal ? `\r${line}\u001b[K\n` : `${line}\n`);
  return result;
};

/** Checks a figure of the demo. @throws Error with both figures when they differ */
export const check = (what: string, actual: unknown, expected: unknown): void => {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)}, not ${String(expected)}`);
  console.log(
    `  ✓ ${what}: ${typeof actual === 'number' ? actual.toLocaleString('en') : String(actual)}`,
  );
};

const bar = (share: number): string => {
  const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
  return '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
};
