import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useMe } from '../../api/services.tsx';
import { useWorkspaces } from '../../api/use-workspaces.ts';
import type { Job } from '../job.ts';
import { TYPE_WORDS } from '../words/job-words.ts';
import {
  isFiltered,
  isReversed,
  type JobsSearch,
  readJobsSearch,
  STATE_GROUPS,
} from './jobs-search.ts';
import styles from './job-filters.module.css';

const ANY = { value: '', label: 'All' };

/** The filters of the list. Each change is in the address, and begins at the first page. */
export const JobFilters = ({ search, jobs }: { search: JobsSearch; jobs: readonly Job[] }) => {
  const navigate = useNavigate({ from: '/jobs' });
  const change = (part: Record<string, string>): void =>
    void navigate({ search: readJobsSearch({ ...search, after: undefined, ...part }) });
  return (
    <form className={styles.filters} role="search" aria-label="Jobs" onSubmit={stop}>
      <WorkspaceSelect search={search} onChange={(workspace) => change({ workspace })} />
      <NativeSelect
        label="State"
        value={search.state ?? ''}
        onChange={(event) => change({ state: event.currentTarget.value })}
        data={[
          ANY,
          ...Object.entries(STATE_GROUPS).map(([value, { name }]) => ({ value, label: name })),
        ]}
      />
      <NativeSelect
        label="Type"
        value={search.type ?? ''}
        onChange={(event) => change({ type: event.currentTarget.value })}
        data={[
          ANY,
          ...Object.entries(TYPE_WORDS).map(([value, { noun }]) => ({ value, label: noun })),
        ]}
      />
      <ActorSelect search={search} jobs={jobs} onChange={(actor) => change({ actor })} />
      <TextInput
        type="date"
        label="From"
        value={search.from ?? ''}
        onChange={(event) => change({ from: event.currentTarget.value })}
      />
      <TextInput
        type="date"
        label="To"
        value={search.to ?? ''}
        error={isReversed(search) && 'Earlier than From'}
        onChange={(event) => change({ to: event.currentTarget.value })}
      />
      {isFiltered(search) && (
        <Button
          variant="subtle"
          className={styles.clear}
          onClick={() => void navigate({ search: {} })}
        >
          Clear
        </Button>
      )}
    </form>
  );
};

const stop = (event: { preventDefault: () => void }): void => event.preventDefault();

/** For people that see several workspaces. */
const WorkspaceSelect = ({
  search,
  onChange,
}: {
  search: JobsSearch;
  onChange: (workspace: string) => void;
}) => {
  const { workspace } = useMe();
  const workspaces = useWorkspaces();
  if (workspace !== null) return null;
  return (
    <NativeSelect
      label="Workspace"
      value={search.workspace ?? ''}
      onChange={(event) => onChange(event.currentTarget.value)}
      data={[ANY, ...[...workspaces].map(([value, label]) => ({ value, label }))]}
    />
  );
};

/** Oneself, and the people of the jobs in view. */
const ActorSelect = ({
  search,
  jobs,
  onChange,
}: {
  search: JobsSearch;
  jobs: readonly Job[];
  onChange: (actor: string) => void;
}) => {
  const { key } = useMe();
  const { actor = '' } = search;
  const people = new Map([
    // A key that is in the address stays a choice, also where no job has it.
    ...(actor === '' ? [] : [[actor, 'Another key'] as const]),
    ...jobs.map((job) => [job.actor.id, job.actor.ownerName] as const),
    [key.id, 'Me'] as const,
  ]);
  return (
    <NativeSelect
      label="Started by"
      value={actor}
      onChange={(event) => onChange(event.currentTarget.value)}
      data={[
        { value: '', label: 'Anyone' },
        ...[...people].map(([value, label]) => ({ value, label })),
      ]}
    />
  );
};
