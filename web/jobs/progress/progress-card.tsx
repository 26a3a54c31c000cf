import { useMe } from '../../api/services.tsx';
import { useNow } from '../../page/use-now.ts';
import { Card } from '../../page/card.tsx';
import { Notice } from '../../page/notice.tsx';
import { Timestamp } from '../../format/timestamp.tsx';
import { isActive, type Job } from '../job.ts';
import { waitingWordsOf } from '../words/waiting-words.ts';
import { Figures } from './figures.tsx';
import { PhaseSteps } from './phase-steps.tsx';
import { RatePanel } from './rate-panel.tsx';
import { passesOf } from './steps.ts';
import { useSamples } from './use-samples.ts';

const EVERY_MS = 1_000;

/** How far a job is: its steps with their times, the users, and how fast they are done. */
export const ProgressCard = ({ job }: { job: Job }) => {
  const active = isActive(job);
  const now = useNow(EVERY_MS, active);
  const samples = useSamples(job);
  const isMailed = job.notify || job.mail.length > 0;
  // Jobs of earlier versions have no phases.
  if (!active && job.phases.length === 0) return null;
  return (
    <Card title={active ? 'Progress' : 'Steps'}>
      <PhaseSteps passes={passesOf(job, isMailed, now)} />
      {active && <Figures job={job} />}
      {job.waitingFor !== undefined && <Waiting wait={job.waitingFor} />}
      <RatePanel job={job} samples={samples} />
      {active && job.notify && <MailWords job={job} />}
    </Card>
  );
};

const Waiting = ({ wait }: { wait: NonNullable<Job['waitingFor']> }) => (
  <Notice tone={wait.type === 'start' ? 'info' : 'warn'} role="status">
    <p>{waitingWordsOf(wait.type)}</p>
    {wait.attempt > 1 && (
      <p>
        Try {wait.attempt}, since <Timestamp at={wait.since} />.
      </p>
    )}
  </Notice>
);

const MailWords = ({ job: { actor } }: { job: Job }) => {
  const { key } = useMe();
  return (
    <p>
      You can close this page,{' '}
      {actor.id === key.id ? 'we will mail you.' : `${actor.ownerName} gets a mail at the end.`}
    </p>
  );
};
