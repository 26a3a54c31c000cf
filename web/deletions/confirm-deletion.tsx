import { Button } from '@mantine/core';
import { isLeading, isUnanswered } from '../api/unanswered.ts';
import { formatRest } from '../format/durations.ts';
import { countOf } from '../format/numbers.ts';
import { ApiCall } from '../page/api-call.tsx';
import { CallNotice } from '../page/call-notice.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Notice } from '../page/notice.tsx';
import { CountDrift } from './count-drift.tsx';
import { changeOf, deletableOf } from './counts.ts';
import { DeleteFacts } from './delete-facts.tsx';
import { DeleteFields } from './delete-fields.tsx';
import { NearlyEveryone } from './refusals.tsx';
import { type DeleteInput, useDeleteForm } from './use-delete-form.ts';
import { type DeletionBody, type DeletionStart, needsPreview } from './use-deletion.ts';
import type { DeleteScope, Preview, ShownPreview } from './use-preview.ts';
import styles from './delete-dialog.module.css';

/** The facts of a deletion, and what a person fills in to confirm it. */
export const ConfirmDeletion = ({
  scope,
  shown,
  start,
  close,
}: {
  scope: DeleteScope;
  shown: ShownPreview & { preview: Preview };
  start: DeletionStart;
  /** Undefined while a request is on its way. */
  close: (() => void) | undefined;
}) => {
  const { preview, before } = shown;
  const count = deletableOf(preview);
  const change = changeOf(before, preview);
  const isSeen = change === undefined;
  const form = useDeleteForm({ id: preview.id, count, isSeen }, (input) =>
    start.call(bodyOf(preview, input)),
  );
  const isRenewing = shown.state.status !== 'done';
  return (
    <form noValidate className={styles.dialog} onSubmit={form.submit}>
      <CountDrift change={change} onLook={shown.look} />
      <DeleteFacts preview={preview} scope={{ ...scope, isOfJob: 'ofJob' in scope }} />
      <DeleteFields form={form} count={count} isDisabled={isUnanswered(start.state)} />
      <StartNotice start={start} isSeen={isSeen} />
      {isRenewing && <CallNotice state={shown.state} isKeyed={false} onTryNow={shown.tryNow} />}
      <ApiCall
        request={{
          method: 'POST',
          path: '/v1/deletions',
          idempotencyKey: start.key,
          body: bodyOf(preview, form.input),
        }}
      />
      <DialogButtons onCancel={close} foot={validityOf(shown.secondsLeft)}>
        <Button
          type="submit"
          color="danger"
          loading={isLeading(start.state)}
          disabled={isUnanswered(start.state) || isRenewing}
        >
          Delete {countOf(count, 'user')}
        </Button>
      </DialogButtons>
    </form>
  );
};

const StartNotice = ({ start, isSeen }: { start: DeletionStart; isSeen: boolean }) => {
  const { state, tryNow } = start;
  const problem = state.status === 'failed' ? state.problem : undefined;
  if (problem?.slug === 'delete-all-required') return <NearlyEveryone problem={problem} />;
  if (problem !== undefined && needsPreview(problem)) {
    return (
      <Notice tone="info" role="alert">
        Nothing was started: the preview was no longer valid. This is a new one.
        {isSeen && ' Confirm again.'}
      </Notice>
    );
  }
  return <CallNotice state={state} isKeyed isDroppedOnClose onTryNow={tryNow} />;
};

/** The count that is confirmed is the preview's, with the users under hold. */
const bodyOf = ({ id, count }: Preview, { reason, notify }: DeleteInput): DeletionBody => ({
  previewId: id,
  confirm: { count },
  reason,
  notify,
});

const validityOf = (secondsLeft: number): string =>
  secondsLeft === 0
    ? 'The preview has expired'
    : `Preview valid for ${formatRest(secondsLeft, 'down')}`;
