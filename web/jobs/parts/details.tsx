import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { formatDuration, secondsBetween } from '../../format/durations.ts';
import { ROLE_NAMES } from '../../format/roles.ts';
import { Timestamp } from '../../format/timestamp.tsx';
import { useWorkspaces } from '../../api/use-workspaces.ts';
import { useNow } from '../../page/use-now.ts';
import { Fact, Facts } from '../../page/facts.tsx';
import { isActive, type Job } from '../job.ts';
import { TYPE_WORDS } from '../words/job-words.ts';
import { MailFact } from './mail-fact.tsx';
import { SelectionFact } from './selection-fact.tsx';

const EVERY_MS = 1_000;

/** Who started a job, when and why, and where to look further. */
export const Details = ({ job }: { job: Job }) => (
  <Facts>
    <Fact name="Started by">
      {job.actor.ownerName}
      {job.actor.role in ROLE_NAMES && `, ${ROLE_NAMES[job.actor.role as keyof typeof ROLE_NAMES]}`}
    </Fact>
    <Fact name="Reason">{job.reason ?? 'None given'}</Fact>
    {job.type !== 'import' && <SelectionFact job={job} />}
    <Times job={job} />
    <MailFact job={job} />
    <Links job={job} />
    <WorkspaceFact id={job.workspace} />
    <Fact name="Job">
      <code>{job.id}</code>
    </Fact>
    {job.requestId !== null && (
      <Fact name="Request">
        <code>{job.requestId}</code>
      </Fact>
    )}
    <Fact name="Workflow">
      {job.workflow.uiUrl === null ? (
        <code>{job.workflow.id}</code>
      ) : (
        <Anchor
          href={job.workflow.uiUrl}
          target="_blank"
          rel="noreferrer"
          inherit
          underline="always"
        >
          Open in Temporal
        </Anchor>
      )}
    </Fact>
  </Facts>
);

const WorkspaceFact = ({ id }: { id: string }) => {
  const name = useWorkspaces().get(id);
  return (
    <Fact name="Workspace">
      {name ?? ''} {name !== id && <code>{id}</code>}
    </Fact>
  );
};

const Times = ({ job }: { job: Job }) => {
  const now = useNow(EVERY_MS, isActive(job));
  const { createdAt, startedAt, finishedAt } = job;
  return (
    <>
      <Fact name="Asked for">
        <Timestamp at={createdAt} />
      </Fact>
      {finishedAt !== null && (
        <Fact name="Ended">
          <Timestamp at={finishedAt} />
        </Fact>
      )}
      {startedAt !== null && (
        <Fact name={finishedAt === null ? 'Runs since' : 'Took'}>
          {formatDuration(secondsBetween(startedAt, finishedAt, now))}
        </Fact>
      )}
    </>
  );
};

/** Other jobs that this one belongs to. */
const Links = ({ job: { retryOf, retriedBy, type } }: { job: Job }) => {
  const noun = TYPE_WORDS[type].noun.toLowerCase();
  return (
    <>
      {retryOf !== null && (
        <Fact name="Retry of">
          <JobLink id={retryOf}>the first {noun}</JobLink>
        </Fact>
      )}
      {retriedBy !== null && (
        <Fact name="Retried by">
          <JobLink id={retriedBy}>another {noun}</JobLink>
        </Fact>
      )}
    </>
  );
};

const JobLink = ({ id, children }: { id: string; children: ReactNode }) => (
  <Anchor
    inherit
    underline="always"
    renderRoot={(props) => <Link to="/jobs/$id" params={{ id }} {...props} />}
  >
    {children}
  </Anchor>
);
