import { Button, Group } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { openIdempotencyKey } from '../api/idempotency-key.ts';
import { problemOf } from '../api/problem.ts';
import { mayRetry, retryDelayMs } from '../api/retry.ts';
import type { components } from '../api/schema.d.ts';
import { useApi, useMe } from '../api/services.tsx';
import { Dialog } from '../page/dialog.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { ExportFields, type ExportOptions } from './export-fields.tsx';
import styles from './export-dialog.module.css';

export interface ExportScope {
  /** As the API takes it. */
  selection: components['schemas']['ExportSelection'];
  /** `all 12,431 users`, `segment 'Churned 2024'` */
  words: string;
}

const DEFAULTS: ExportOptions = {
  format: 'csv',
  isEveryColumn: true,
  isGzip: true,
  isNotified: true,
};

/** Starts an export of users to a file, and leads to its job. */
export const ExportDialog = ({
  scope,
  columns,
  onClose,
  children,
}: {
  /** Undefined until it is chosen. */
  scope: ExportScope | undefined;
  /** The properties that the table shows, offered in place of all. */
  columns: readonly string[];
  onClose: () => void;
  /** Stands above the options, such as a choice of the users. */
  children?: ReactNode;
}) => {
  const [options, setOptions] = useState<ExportOptions>(DEFAULTS);
  const { send, isSending, error } = useStartExport();
  const start = (): void => {
    if (scope === undefined) return;
    const { format, isGzip, isNotified, isEveryColumn } = options;
    send({
      selection: scope.selection,
      format,
      compression: isGzip ? 'gzip' : 'none',
      notify: isNotified,
      ...(!isEveryColumn && { columns: [...columns] }),
    });
  };
  return (
    <Dialog isOpen onClose={onClose} title="Download users">
      <div className={styles.form}>
        {children}
        {scope !== undefined && <p>The file gets {scope.words}.</p>}
        <ExportFields options={options} onChange={setOptions} />
        {error !== null && <ProblemNotice error={error} takesFocus />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" data-autofocus onClick={onClose}>
            Cancel
          </Button>
          <Button disabled={scope === undefined} loading={isSending} onClick={start}>
            Start the download
          </Button>
        </Group>
      </div>
    </Dialog>
  );
};

/** Starts an export once, also if it is sent several times. */
const useStartExport = () => {
  const router = useRouter();
  const { key: person } = useMe();
  const { mutate, isPending, error } = useApi().useMutation('post', '/v1/exports', {
    retry: (retries, problem) => mayRetry(problemOf(problem), retries, true),
    retryDelay: (_retries, problem) => retryDelayMs(problemOf(problem)),
  });
  const [key, setKey] = useState(() => openIdempotencyKey(`export:${person.id}`, sessionStorage));
  const send = (body: Parameters<typeof mutate>[0]['body']): void =>
    mutate(
      { body, params: { header: { 'Idempotency-Key': key.value } } },
      {
        onSuccess: ({ id }) => {
          key.end();
          router.history.push(`/jobs/${id}`);
        },
        onError: (problem) => {
          // Without an answer, the same key makes sure that it does not start twice.
          if (mayRetry(problemOf(problem), 0, true)) return;
          key.end();
          setKey(openIdempotencyKey(`export:${person.id}`, sessionStorage));
        },
      },
    );
  return { send, isSending: isPending, error };
};
