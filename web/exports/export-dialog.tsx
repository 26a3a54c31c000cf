import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { components } from '../api/schema.d.ts';
import { isLeading, isUnanswered } from '../api/unanswered.ts';
import { FormFields } from '../forms/form-fields.tsx';
import { CallNotice } from '../page/call-notice.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Dialog } from '../page/dialog.tsx';
import { Notice } from '../page/notice.tsx';
import { ExportFields, type ExportOptions } from './export-fields.tsx';
import { useStartExport } from './use-start-export.ts';
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
  const { call, tryNow, state, hasEarlier } = useStartExport();
  const isBusy = isUnanswered(state);
  const close = state.status === 'sending' ? undefined : onClose;
  const start = (): void => {
    if (scope === undefined) return;
    const { format, isGzip, isNotified, isEveryColumn } = options;
    call({
      selection: scope.selection,
      format,
      compression: isGzip ? 'gzip' : 'none',
      notify: isNotified,
      ...(!isEveryColumn && { columns: [...columns] }),
    });
  };
  return (
    <Dialog isOpen {...(close && { onClose: close })} title="Download users">
      <div className={styles.form}>
        {hasEarlier && !isBusy && <EarlierDownload />}
        <FormFields isDisabled={isBusy}>
          {children}
          {scope !== undefined && <p>The file gets {scope.words}.</p>}
          <ExportFields options={options} onChange={setOptions} />
        </FormFields>
        <CallNotice state={state} isKeyed isDroppedOnClose onTryNow={tryNow} />
        <DialogButtons onCancel={close}>
          <Button
            disabled={scope === undefined || isBusy}
            loading={isLeading(state)}
            onClick={start}
          >
            Start the download
          </Button>
        </DialogButtons>
      </div>
    </Dialog>
  );
};

const EarlierDownload = () => (
  <Notice tone="warn">
    An earlier download had no answer, so it may have started. The same choice leads to it, and
    another one starts a new file.
  </Notice>
);
