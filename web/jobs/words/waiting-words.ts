import { failureWordsOf } from './failure-words.ts';

const UNTIL_FIXED = 'The job goes on by itself once this is fixed.';

/** What a job waits for, where that is no failure of a step. */
const WAITING_WORDS: Readonly<Record<string, string>> = {
  noWorker: 'No worker runs, so the job waits. It starts by itself once a worker runs.',
  temporalUnavailable: 'Temporal is not available, so the job waits. It starts by itself.',
  start: 'The job starts in a moment.',
  stepTimedOut: 'The worker of this step does not answer. Another one takes over.',
  error: 'A step failed and is tried again.',
  MailUnavailable: 'The mail could not be sent yet, and is tried again.',
};

/** What a job waits for, as one or two sentences. */
export const waitingWordsOf = (type: string): string =>
  WAITING_WORDS[type] ?? `${failureWordsOf(type).title}. ${UNTIL_FIXED}`;
