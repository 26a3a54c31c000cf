import { Button, Skeleton } from '@mantine/core';
import { useApi, useMe } from '../../api/services.tsx';
import { formatBytes } from '../../format/bytes.ts';
import { countOf } from '../../format/numbers.ts';
import { Timestamp } from '../../format/timestamp.tsx';
import { Delayed } from '../../page/delayed.tsx';
import { Fact, Facts } from '../../page/facts.tsx';
import { ProblemNotice } from '../../page/problem-notice.tsx';
import type { Job } from '../job.ts';
import { SourceBackup } from './source-backup.tsx';
import styles from './files.module.css';

interface StoredFile {
  id: string;
  title: string;
  rows?: string;
  bytes: number | null;
  sha256: string | null;
  expiresAt: string;
  isHeld?: boolean;
  removedAt: string | null;
  /** Where it is downloaded, if the person may. */
  href?: string | undefined;
}

/** The files of a job, with what proves their content and the time until which they are kept. */
export const Files = ({ job }: { job: Job }) => {
  const { result } = job;
  const { key } = useMe();
  if (result === null) return null;
  if ('backups' in result) return <Backups job={job} />;
  if ('backupId' in result) return <SourceBackup id={result.backupId} />;
  const { bytes, sha256, expiresAt, removedAt } = result;
  const common = { id: job.id, bytes, sha256, expiresAt, removedAt };
  return 'exportId' in result ? (
    <FileList
      files={[
        {
          ...common,
          title: 'Exported file',
          rows: countOf(result.rows, 'user'),
          href: key.role === 'admin' ? job.links['file'] : undefined,
        },
      ]}
    />
  ) : (
    <FileList files={[{ ...common, title: 'Uploaded file' }]} />
  );
};

const Backups = ({ job }: { job: Job }) => {
  const { key } = useMe();
  const { data, error, refetch } = useApi().useQuery('get', '/v1/backups', {
    params: { query: { deletionId: job.id } },
  });
  if (error !== null) return <ProblemNotice error={error} onRetry={() => void refetch()} />;
  if (data === undefined) {
    return (
      <Delayed>
        <Skeleton height={120} />
      </Delayed>
    );
  }
  const backups = data.data.toSorted((a, b) => a.pass - b.pass);
  return (
    <FileList
      files={backups.map((backup) => ({
        ...backup,
        title: backups.length === 1 ? 'Backup' : `Backup of pass ${backup.pass}`,
        rows: countOf(backup.rows ?? 0, 'user'),
        isHeld: backup.legalHold,
        href: key.role === 'admin' ? backup.links['file'] : undefined,
      }))}
    />
  );
};

const FileList = ({ files }: { files: readonly StoredFile[] }) => (
  <ul className={styles.files}>
    {files.map((file) => (
      <li key={file.id} className={styles.file}>
        <h3>{file.title}</h3>
        <Facts>
          {file.rows !== undefined && <Fact name="Content">{file.rows}</Fact>}
          <Fact name="Size">{file.bytes === null ? '–' : formatBytes(file.bytes)}</Fact>
          <Fact name="SHA-256">
            <code className={styles.hash}>{file.sha256 ?? '–'}</code>
          </Fact>
          <Expiry file={file} />
        </Facts>
        {file.href !== undefined && file.removedAt === null && (
          <Button variant="default" component="a" href={file.href} download>
            Download
          </Button>
        )}
      </li>
    ))}
  </ul>
);

const Expiry = ({ file: { removedAt, expiresAt, isHeld = false } }: { file: StoredFile }) => {
  if (removedAt !== null) {
    return (
      <Fact name="Removed">
        <Timestamp at={removedAt} />
      </Fact>
    );
  }
  return (
    <Fact name="Kept until">{isHeld ? 'The legal hold ends' : <Timestamp at={expiresAt} />}</Fact>
  );
};
