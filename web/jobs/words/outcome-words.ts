import type { components } from '../../api/schema.d.ts';

type Schemas = components['schemas'];
type Outcomes<Counts> = Exclude<keyof Counts, 'selected' | 'lines' | 'unchanged' | 'partial'>;

/** What became of a user or a line. */
export type Outcome =
  | Outcomes<Schemas['DeletionCounts']>
  | Outcomes<Schemas['RestoreCounts']>
  | Outcomes<Schemas['ImportCounts']>
  | Outcomes<Schemas['ExportCounts']>;

interface OutcomeWords {
  name: string;
  /** `done`: as requested. `left`: as it was, which is right. `open`: a retry may process it. */
  tone: 'done' | 'left' | 'open';
  /** What it means, in one sentence. */
  means: string;
}

export const OUTCOME_WORDS: Readonly<Record<Outcome, OutcomeWords>> = {
  deleted: { name: 'deleted', tone: 'done', means: 'Deleted. A verified backup holds them.' },
  restored: { name: 'restored', tone: 'done', means: 'Back as they were.' },
  exported: { name: 'exported', tone: 'done', means: 'In the file.' },
  imported: { name: 'new', tone: 'done', means: 'Added.' },
  merged: { name: 'existing', tone: 'done', means: 'Users that exist; changed where needed.' },
  skipped: { name: 'skipped', tone: 'left', means: 'Existing users, which were left alone.' },
  present: { name: 'there again', tone: 'left', means: 'Existing users, which were left alone.' },
  held: { name: 'under legal hold', tone: 'left', means: 'Under legal hold, so they stay.' },
  notFound: { name: 'not found', tone: 'left', means: 'Not there any more.' },
  changedSinceBackup: {
    name: 'changed meanwhile',
    tone: 'open',
    means: 'Changed after each backup, so they stay.',
  },
  failed: { name: 'failed', tone: 'open', means: 'Not possible. Nothing was changed.' },
  unprocessed: { name: 'not reached', tone: 'open', means: 'The job ended before their turn.' },
};

export const isOutcome = (name: string): name is Outcome => name in OUTCOME_WORDS;
