import { existsSync, readFileSync, renameSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A crash point that kills this process if `<data folder>/crash-at` names the point, once for each
 * order.
 */
export const killAsOrdered =
  (dataDir: string) =>
  (point: string): void => {
    const order = orderIn(dataDir);
    if (!existsSync(order) || readFileSync(order, 'utf8') !== point) return;
    renameSync(order, markIn(dataDir, point));
    process.kill(process.pid, 'SIGKILL');
  };

/** Orders the next process that reaches the point to be killed there. */
export const orderCrash = (dataDir: string, point: string): Promise<void> =>
  writeFile(orderIn(dataDir), point);

/** Whether an order for the point was carried out. */
export const hasCrashedAt = (dataDir: string, point: string): boolean =>
  existsSync(markIn(dataDir, point));

const orderIn = (dataDir: string): string => join(dataDir, 'crash-at');

const markIn = (dataDir: string, point: string): string =>
  join(dataDir, `crashed-at-${point.replace(':', '-')}`);
