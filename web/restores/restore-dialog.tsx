import { Button, Checkbox, Skeleton, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useMe } from '../api/services.tsx';
import { countOf } from '../format/numbers.ts';
import { ApiCall } from '../page/api-call.tsx';
import { CallNotice } from '../page/call-notice.tsx';
import { Delayed } from '../page/delayed.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Dialog } from '../page/dialog.tsx';
import { Notice } from '../page/notice.tsx';
import { type RestoreCounts, restoreWordsOf } from './restore-words.ts';
import { type RestoreBody, useRestore } from './use-restore.ts';
import { useRestorePreview } from './use-restore-preview.ts';
import styles from './restore-dialog.module.css';

const WIDTH = 560;
const MAX_REASON = 1_000;

/**
 * Restores the users of a deletion, or of one of its backups.
 *
 * @param source `id` names it, for the key; the backups must not be removed
 */
export const RestoreDialog = ({
  source,
  onClose,
}: {
  source: { id: string; backupIds: readonly string[] };
  onClose: () => void;
}) => {
  const { state, tryNow } = useRestorePreview(source.backupIds);
  const counts = state.status === 'done' ? state.result : undefined;
  const backups = { backupIds: source.backupIds, chosen: counts?.backupIds ?? [] };
  const start = useRestore(backups, source.id, onClose);
  const close = start.state.status === 'sending' ? undefined : onClose;
  return (
    <Dialog
      isOpen
      {...(close && { onClose: close })}
      title={
        counts === undefined || counts.restorable === 0
          ? 'Restore users?'
          : `Restore ${countOf(counts.restorable, 'user')}?`
      }
      width={WIDTH}
    >
      {counts === undefined ? (
        <div className={styles.dialog}>
          <CallNotice state={state} isKeyed={false} onTryNow={tryNow} />
          {state.status === 'sending' && (
            <Delayed>
              <Skeleton height={160} role="status" aria-label="The users are being counted" />
            </Delayed>
          )}
          <DialogButtons onCancel={onClose} />
        </div>
      ) : counts.restorable === 0 ? (
        <div className={styles.dialog}>
          <Notice tone="info">{restoreWordsOf(counts)}</Notice>
          <DialogButtons cancel="Close" onCancel={onClose} />
        </div>
      ) : (
        <ConfirmRestore counts={counts} start={start} close={close} />
      )}
    </Dialog>
  );
};

const ConfirmRestore = ({
  counts,
  start,
  close,
}: {
  counts: RestoreCounts;
  start: ReturnType<typeof useRestore>;
  close: (() => void) | undefined;
}) => {
  const { key } = useMe();
  const [reason, setReason] = useState('');
  const [notify, setNotify] = useState(true);
  const body: RestoreBody = { ...(reason.trim() !== '' && { reason: reason.trim() }), notify };
  const isBusy = start.state.status === 'sending' || start.state.status === 'waiting';
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    // A request without an answer is sent again as it was: its key belongs to its body.
    start.call(start.earlier ?? body);
  };
  return (
    <form className={styles.dialog} onSubmit={submit}>
      <p>{restoreWordsOf(counts)}</p>
      <fieldset className={styles.fields} disabled={isBusy}>
        <Textarea
          label="Reason"
          description="Admins read it in the activity log. Do not name users."
          rows={2}
          maxLength={MAX_REASON}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Checkbox
          label={`Send a mail to ${key.ownerEmail} at the end`}
          checked={notify}
          onChange={(event) => setNotify(event.currentTarget.checked)}
        />
      </fieldset>
      <CallNotice state={start.state} isKeyed onTryNow={start.tryNow} />
      <ApiCall
        request={{
          method: 'POST',
          path: `/v1/backups/${counts.backupIds[0] ?? ''}/restores`,
          idempotencyKey: `${start.key}-0`,
          body,
        }}
      />
      <DialogButtons onCancel={close}>
        <Button type="submit" loading={start.state.status === 'sending'} disabled={isBusy}>
          Restore {countOf(counts.restorable, 'user')}
        </Button>
      </DialogButtons>
    </form>
  );
};
