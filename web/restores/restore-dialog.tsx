import { Button, Checkbox, Skeleton, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useMe } from '../api/services.tsx';
import { isLeading, isUnanswered } from '../api/unanswered.ts';
import { FormFields } from '../forms/form-fields.tsx';
import { countOf } from '../format/numbers.ts';
import { ApiCall } from '../page/api-call.tsx';
import { CallNotice } from '../page/call-notice.tsx';
import { Delayed } from '../page/delayed.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Dialog } from '../page/dialog.tsx';
import { Notice } from '../page/notice.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { partlyStartedWordsOf, type RestoreCounts, restoreWordsOf } from './restore-words.ts';
import { type RestoreBody, type RestoreStart, useRestore } from './use-restore.ts';
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
  const isPartlyStarted = start.state.status === 'done' && start.state.result.refused.length > 0;
  return (
    <Dialog
      isOpen
      {...(close && { onClose: close })}
      title={isPartlyStarted ? 'Not all users are being restored' : titleOf(counts)}
      width={WIDTH}
    >
      {isPartlyStarted ? (
        <PartlyStarted start={start} onClose={onClose} />
      ) : counts === undefined ? (
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

const titleOf = (counts: RestoreCounts | undefined): string =>
  counts === undefined || counts.restorable === 0
    ? 'Restore users?'
    : `Restore ${countOf(counts.restorable, 'user')}?`;

/** One of several backups was refused. It offers no other start: that would repeat the first. */
const PartlyStarted = ({ start, onClose }: { start: RestoreStart; onClose: () => void }) => {
  if (start.state.status !== 'done') return null;
  const { jobs, refused } = start.state.result;
  return (
    <div className={styles.dialog}>
      <Notice tone="warn" role="status">
        <p>{partlyStartedWordsOf(jobs.length, refused.length)}</p>
        <p>The users are in several backups, and each has a restore of its own.</p>
      </Notice>
      {refused.map((problem, index) => (
        <ProblemNotice key={problem.requestId ?? index} error={problem} takesFocus={index === 0} />
      ))}
      <DialogButtons cancel="Close" onCancel={onClose}>
        <Button onClick={() => start.lead(jobs)}>
          {jobs.length === 1 ? 'Go to the restore' : 'Go to the restores'}
        </Button>
      </DialogButtons>
    </div>
  );
};

const ConfirmRestore = ({
  counts,
  start,
  close,
}: {
  counts: RestoreCounts;
  start: RestoreStart;
  close: (() => void) | undefined;
}) => {
  const { key } = useMe();
  const { earlier } = start;
  const [reason, setReason] = useState(earlier?.reason ?? '');
  const [notify, setNotify] = useState(earlier?.notify ?? true);
  const body: RestoreBody = { ...(reason.trim() !== '' && { reason: reason.trim() }), notify };
  const isBusy = isUnanswered(start.state);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    // A request without an answer is sent again as it was: its key belongs to its body.
    start.call(earlier ?? body);
  };
  return (
    <form className={styles.dialog} onSubmit={submit}>
      <p>{restoreWordsOf(counts)}</p>
      {earlier !== undefined && !isBusy && (
        <Notice tone="warn">
          An earlier restore had no answer. It is sent again as it was, and cannot start twice.
        </Notice>
      )}
      <FormFields isDisabled={isBusy || earlier !== undefined}>
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
      </FormFields>
      <CallNotice state={start.state} isKeyed isDroppedOnClose onTryNow={start.tryNow} />
      <ApiCall
        request={{
          method: 'POST',
          path: `/v1/backups/${counts.backupIds[0] ?? ''}/restores`,
          idempotencyKey: `${start.key}-0`,
          body,
        }}
      />
      <DialogButtons onCancel={close}>
        <Button type="submit" loading={isLeading(start.state)} disabled={isBusy}>
          Restore {countOf(counts.restorable, 'user')}
        </Button>
      </DialogButtons>
    </form>
  );
};
