import { ApplicationFailure } from '@temporalio/common';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createTemporalLogger } from '../../worker/temporal-logger.ts';

const linesOf = (write: (logger: ReturnType<typeof createTemporalLogger>) => void) => {
  const lines: string[] = [];
  write(createTemporalLogger(pino({}, { write: (line) => void lines.push(line) })));
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
};

test('the log line of a failure of Keepsake has its type and message', () => {
  const error = ApplicationFailure.nonRetryable('Part 3 of export 7 is gone.', 'storageMissing');
  const [line] = linesOf((logger) =>
    logger.warn('Activity failed', { error, activityType: 'writeExport', workflowId: 'export/1' }),
  );
  expect(line).toMatchObject({
    level: 40,
    msg: 'Activity failed',
    activityType: 'writeExport',
    workflowId: 'export/1',
    error: { type: 'storageMissing', message: 'Part 3 of export 7 is gone.' },
  });
});

test('the log line of any other error has name, code and stack, but no message', () => {
  const error = Object.assign(new TypeError('ada@example.com is not a function'), { code: 'E1' });
  const [line] = linesOf((logger) =>
    logger.error('a step failed with an unknown error', { error }),
  );
  expect(line).toMatchObject({
    error: {
      name: 'TypeError',
      code: 'E1',
      stack: expect.arrayContaining([expect.stringMatching(/^at /)]),
    },
  });
  expect(JSON.stringify(line)).not.toContain('ada@example.com');
});

test('attributes that may contain users are left out of the log', () => {
  const [line] = linesOf((logger) =>
    logger.info('job ended', { jobId: '1', counts: { deleted: 2 }, args: ['ada'], headers: 'ada' }),
  );
  expect(line).toMatchObject({ jobId: '1', counts: { deleted: 2 } });
  expect(JSON.stringify(line)).not.toContain('ada');
});

test('lines of the native part are in the same log', () => {
  const [line] = linesOf((logger) =>
    logger.warn('gRPC call failed', { target: 'temporalio_client', error: 'Unavailable' }),
  );
  expect(line).toMatchObject({ target: 'temporalio_client', error: 'Unavailable' });
});
