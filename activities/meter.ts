import type { AttemptError } from '../webhooks/attempt-errors.ts';

/** What a step tells of its work while it goes on. It holds counts and times, and nobody's data. */
export interface Meter {
  /** Users whose rows, or lines, a step has dealt with. */
  rows: (step: 'written' | 'verified' | 'deleted' | 'imported', count: number) => void;
  /** Times a batch of deletes, and counts who went with it. */
  batch: <Result extends { status: string; deleted?: number }>(
    batch: Promise<Result>,
  ) => Promise<Result>;
}

/** What is told of webhooks while they are sent. */
export interface DeliveryMeter {
  /** An attempt, by what came of it. */
  attempt: (outcome: AttemptError | 'delivered') => void;
  /** A delivery that has ended. */
  delivery: (outcome: 'delivered' | 'failed') => void;
}
