import { Button } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { isFiltered, type JobsSearch } from './jobs-search.ts';
import styles from './jobs-page.module.css';

/** What the list says where it has no job. */
export const EmptyJobs = ({ search }: { search: JobsSearch }) => {
  const navigate = useNavigate();
  if (!isFiltered(search)) {
    return (
      <div className={styles.empty}>
        <p>No jobs yet. Each import, export, deletion and restore will be here.</p>
      </div>
    );
  }
  return (
    <div className={styles.empty}>
      <p>No job matches.</p>
      <Button variant="default" onClick={() => void navigate({ to: '/jobs', search: {} })}>
        Clear filters
      </Button>
    </div>
  );
};
