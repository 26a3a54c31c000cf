import {
  CircleAlert,
  CircleCheck,
  CircleSlash,
  CircleStop,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
} from 'lucide-react';
import type { JobState } from '../job.ts';
import { STATE_WORDS } from './job-words.ts';
import styles from './state-mark.module.css';

const ICONS: Readonly<Record<JobState, LucideIcon>> = {
  queued: Clock,
  running: LoaderCircle,
  cancelling: CircleStop,
  succeeded: CircleCheck,
  partiallySucceeded: CircleAlert,
  failed: CircleX,
  cancelled: CircleSlash,
};

/** The state of a job, as an icon and a word. */
export const StateMark = ({ state }: { state: JobState }) => {
  const Icon = ICONS[state];
  return (
    <span className={styles.mark} data-state={state}>
      <Icon aria-hidden size={16} />
      {STATE_WORDS[state]}
    </span>
  );
};
