import type { Phase } from '../job.ts';

interface PhaseWords {
  /** The step, as in `Back up ✓ 0:09`. */
  step: string;
  /** While it runs, in a sentence: `Backing up`. */
  doing: string;
}

export const PHASE_WORDS: Readonly<Record<Phase, PhaseWords>> = {
  exporting: { step: 'Write', doing: 'Writing the file' },
  verifying: { step: 'Verify', doing: 'Verifying the file' },
  checking: { step: 'Check', doing: 'Checking all lines' },
  importing: { step: 'Import', doing: 'Importing' },
  backingUp: { step: 'Back up', doing: 'Backing up' },
  verifyingBackup: { step: 'Verify', doing: 'Verifying the backup' },
  deleting: { step: 'Delete', doing: 'Deleting' },
  settling: { step: 'Settle', doing: 'Looking at the users that are left' },
  restoring: { step: 'Restore', doing: 'Restoring' },
  notifying: { step: 'Mail', doing: 'Sending the mail' },
};
