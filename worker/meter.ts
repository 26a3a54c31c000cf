import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import {
  type DeliveryMeter,
  MAIL_KINDS,
  MAIL_RESULTS,
  type MailMeter,
  type Meter,
} from '../activities/meter.ts';
import { ATTEMPT_ERRORS } from '../webhooks/attempt-errors.ts';

/** In seconds. A batch of 20,000 rows takes some 50 ms; a wait for a lock times out after 30 s. */
const BATCH_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Creates the metrics of steps in a registry. */
export const createMeter = (registry: Registry): Meter => {
  const registers = [registry];
  const rows = new Counter({
    name: 'keepsake_rows_total',
    help: 'Number of users written to files, verified in files or deleted, and of lines imported',
    labelNames: ['step'],
    registers,
  });
  for (const step of ['written', 'verified', 'deleted', 'imported']) rows.inc({ step }, 0);
  const batches = new Histogram({
    name: 'keepsake_delete_batch_duration_seconds',
    help: 'Duration of each transaction that deletes users, by result',
    labelNames: ['result'],
    buckets: BATCH_BUCKETS,
    registers,
  });
  return {
    rows: (step, count) => rows.inc({ step }, count),
    batch: async (batch) => {
      const end = batches.startTimer();
      try {
        const result = await batch;
        end({ result: result.status });
        rows.inc({ step: 'deleted' }, result.deleted ?? 0);
        return result;
      } catch (error) {
        end({ result: 'error' });
        throw error;
      }
    },
  };
};

/** Creates the metrics of webhooks in a registry. */
export const createDeliveryMeter = (registry: Registry): DeliveryMeter => {
  const registers = [registry];
  const attempts = new Counter({
    name: 'keepsake_webhook_attempts_total',
    help: 'Requests to webhooks, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const deliveries = new Counter({
    name: 'keepsake_webhook_deliveries_total',
    help: 'Ended deliveries to webhooks, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['delivered', ...Object.keys(ATTEMPT_ERRORS)]) attempts.inc({ outcome }, 0);
  for (const outcome of ['delivered', 'failed']) deliveries.inc({ outcome }, 0);
  return {
    attempt: (outcome) => attempts.inc({ outcome }),
    delivery: (outcome) => deliveries.inc({ outcome }),
  };
};

/** Creates the metrics of mails in a registry. */
export const createMailMeter = (registry: Registry): MailMeter => {
  const mails = new Counter({
    name: 'keepsake_mails_total',
    help: 'Attempts to send a mail, by kind of mail and result',
    labelNames: ['kind', 'result'],
    registers: [registry],
  });
  for (const kind of MAIL_KINDS) {
    for (const result of MAIL_RESULTS) mails.inc({ kind, result }, 0);
  }
  return (kind, result) => mails.inc({ kind, result });
};

/**
 * Creates the metric for how far this worker's clock is ahead of the database's, in seconds. It has
 * no value until the clocks were compared.
 */
export const createClockMeter = (registry: Registry): ((skewSeconds: number) => void) => {
  const skew = new Gauge({
    name: 'keepsake_clock_skew_seconds',
    help: "How far this process's clock is ahead of the database's; negative when behind",
    registers: [registry],
    // A gauge without labels begins at 0, which would mean that the clocks agree.
    labelNames: ['process'],
  });
  return (seconds) => skew.set({ process: 'worker' }, seconds);
};
