import { VisuallyHidden } from '@mantine/core';
import { ArrowRight, Check, Circle, CircleX, LoaderCircle, type LucideIcon } from 'lucide-react';
import { formatDuration } from '../../format/durations.ts';
import { countOf, formatShare } from '../../format/numbers.ts';
import { PHASE_WORDS } from '../words/phase-words.ts';
import type { Pass, Step } from './steps.ts';
import styles from './phase-steps.module.css';

const STATES: Readonly<Record<Step['state'], { icon: LucideIcon; word: string }>> = {
  done: { icon: Check, word: 'done' },
  active: { icon: LoaderCircle, word: 'running' },
  waiting: { icon: Circle, word: 'to come' },
  stopped: { icon: CircleX, word: 'not done' },
};

/** The steps of a job with their times. A second pass over changed users opens under the first. */
export const PhaseSteps = ({ passes }: { passes: readonly Pass[] }) => (
  <div className={styles.passes}>
    {passes.map((pass) => (
      <div key={pass.number} className={styles.pass}>
        {pass.number > 1 && (
          <p className={styles.again}>
            Again for {pass.total === null ? 'the users' : countOf(pass.total, 'user')} that{' '}
            {pass.total === 1 ? 'was' : 'were'} left
          </p>
        )}
        <ol className={styles.steps} aria-label={`Steps${pass.number > 1 ? ' again' : ''}`}>
          {pass.steps.map((step, index) => (
            <PhaseStep key={step.phase} step={step} isFirst={index === 0} />
          ))}
        </ol>
      </div>
    ))}
  </div>
);

const PhaseStep = ({ step, isFirst }: { step: Step; isFirst: boolean }) => {
  const { icon: Icon, word } = STATES[step.state];
  return (
    <li
      className={styles.step}
      data-state={step.state}
      {...(step.state === 'active' && { 'aria-current': 'step' as const })}
    >
      {!isFirst && <ArrowRight aria-hidden size={16} className={styles.arrow} />}
      <Icon aria-hidden size={16} className={styles.icon} />
      <span className={styles.name}>{PHASE_WORDS[step.phase].step}</span>
      <VisuallyHidden>, {word}</VisuallyHidden>
      {detailOf(step) !== undefined && <span className={styles.detail}>{detailOf(step)}</span>}
    </li>
  );
};

/** The share of the step that runs; the time of the others. */
const detailOf = ({ state, share, seconds }: Step): string | undefined => {
  // Rounded down: 100 % means finished.
  if (state === 'active' && share !== null) return formatShare(Math.floor(share * 100) / 100);
  return seconds === null ? undefined : formatDuration(seconds);
};
