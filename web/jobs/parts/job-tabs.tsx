import { Tabs } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMe } from '../../api/services.tsx';
import type { Job } from '../job.ts';
import { Details } from './details.tsx';
import { Files } from './files.tsx';
import { isJobTab, type JobTab } from './job-search.ts';
import { Records } from './records.tsx';
import styles from './job-tabs.module.css';

const NAMES: Readonly<Record<JobTab, string>> = {
  files: 'Files',
  records: 'Records',
  details: 'Details',
};

/** The files, records and facts of a job, each where it has some and the role may see them. */
export const JobTabs = ({ job }: { job: Job }) => {
  const { key } = useMe();
  const { tab } = useSearch({ from: '/frame/jobs/$id' });
  const navigate = useNavigate({ from: '/jobs/$id' });
  const tabs = tabsOf(job, key.role === 'admin');
  const shown = tab !== undefined && tabs.includes(tab) ? tab : tabs[0];
  const show = (value: string | null): void => {
    if (isJobTab(value)) void navigate({ search: { tab: value }, replace: true });
  };
  return (
    <Tabs value={shown ?? 'details'} onChange={show} keepMounted={false} className={styles.tabs}>
      <Tabs.List aria-label="More about this job">
        {tabs.map((one) => (
          <Tabs.Tab key={one} value={one}>
            {NAMES[one]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="files" className={styles.panel}>
        <Files job={job} />
      </Tabs.Panel>
      <Tabs.Panel value="records" className={styles.panel}>
        <Records job={job} />
      </Tabs.Panel>
      <Tabs.Panel value="details" className={styles.panel}>
        <Details job={job} />
      </Tabs.Panel>
    </Tabs>
  );
};

const tabsOf = ({ result, links }: Job, isAdmin: boolean): JobTab[] => [
  ...(result !== null ? (['files'] as const) : []),
  ...(isAdmin && links['records'] !== undefined ? (['records'] as const) : []),
  'details',
];
