import { Button } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useApi, useMe } from '../../api/services.tsx';
import { Timestamp } from '../../format/timestamp.tsx';
import { RestoreDialog } from '../../restores/restore-dialog.tsx';
import type { Job } from '../job.ts';
import { AskedRetry } from './asked-retry.tsx';
import { LookAgain } from './look-again.tsx';
import { RetryButton } from './retry-button.tsx';
import styles from './result-card.module.css';

/** What a person can do with the result, as their role allows. */
export const ResultButtons = ({ job }: { job: Job }) => {
  const { key } = useMe();
  const isAdmin = key.role === 'admin';
  const { retry, log, file } = job.links;
  const mayRetry = retry !== undefined && key.role !== 'platform';
  const mayRestore = isAdmin && isRestorable(job);
  if (!mayRetry && !mayRestore && !(isAdmin && (log ?? file) !== undefined)) return null;
  return (
    <div className={styles.buttons}>
      {isAdmin && file !== undefined && (
        <Button component="a" href={file} download>
          Download file
        </Button>
      )}
      {mayRetry && <Retry job={job} isAdmin={isAdmin} />}
      {isAdmin && log !== undefined && (
        <Button variant="default" component="a" href={log} download>
          {job.type === 'import' ? 'Download failed lines' : 'Download log'}
        </Button>
      )}
      {mayRestore && <Restore job={job} />}
    </div>
  );
};

/**
 * A deletion that did not know its users yet is looked at again: others may match by now. The run
 * of a delete-all request has no preview of its own: its request was approved.
 */
const Retry = ({ job, isAdmin }: { job: Job; isAdmin: boolean }) => {
  // A deletion that does not tell which users it has left is not known to have exactly them.
  if (job.type !== 'deletion' || job.retrySelects === 'left') return <RetryButton job={job} />;
  return isAdmin && job.parent === null ? <LookAgain job={job} /> : <AskedRetry job={job} />;
};

const Restore = ({ job }: { job: Job }) => {
  const [isOpen, setOpen] = useState(false);
  const source = useMemo(() => ({ id: job.id, backupIds: backupIdsOf(job) }), [job]);
  const { data } = useApi().useQuery('get', '/v1/backups', {
    params: { query: { deletionId: job.id } },
  });
  // The first one that ends: all users can be restored until then.
  const [until] = (data?.data ?? [])
    .filter(({ removedAt }) => removedAt === null)
    .map(({ expiresAt }) => expiresAt)
    .toSorted();
  return (
    <>
      <Button variant="default" onClick={() => setOpen(true)}>
        Restore…
      </Button>
      {until !== undefined && (
        <span className={styles.until}>
          until <Timestamp at={until} />
        </span>
      )}
      {isOpen && <RestoreDialog source={source} onClose={() => setOpen(false)} />}
    </>
  );
};

/** Whether a deletion has deleted users whose backup is still there. */
const isRestorable = (job: Job): boolean =>
  job.counts !== null &&
  'deleted' in job.counts &&
  job.counts.deleted > 0 &&
  backupIdsOf(job).length > 0;

/** The backups that are not removed. */
const backupIdsOf = ({ result }: Job): string[] =>
  result !== null && 'backups' in result
    ? result.backups.filter(({ removedAt }) => removedAt === null).map(({ id }) => id)
    : [];
