import { Skeleton } from '@mantine/core';
import { useState } from 'react';
import { countOf } from '../format/numbers.ts';
import { CallNotice } from '../page/call-notice.tsx';
import { Delayed } from '../page/delayed.tsx';
import { DialogButtons } from '../page/dialog-buttons.tsx';
import { Dialog } from '../page/dialog.tsx';
import { ConfirmDeletion } from './confirm-deletion.tsx';
import { deletableOf } from './counts.ts';
import { EarlierDeletion, RefusedEarlier } from './earlier-deletion.tsx';
import { NearlyEveryone, NobodyToDelete } from './refusals.tsx';
import { useDeletion } from './use-deletion.ts';
import {
  type DeleteScope,
  type PreviewRequest,
  type ShownPreview,
  usePreview,
} from './use-preview.ts';
import styles from './delete-dialog.module.css';

const WIDTH = 640;
const NOBODY = 'Nobody can be deleted';

/**
 * Asks before users are deleted, with the facts: how many, of how many, which stay, and until when
 * it can be undone. Then it starts the deletion once, and leads to its job.
 *
 * @param onUsed the deletion of these users has started, so the selection is used up
 */
export const DeleteDialog = ({
  scope,
  onClose,
  onUsed = () => {},
}: {
  scope: DeleteScope;
  onClose: () => void;
  onUsed?: () => void;
}) => {
  const [request] = useState(() => requestOf(scope));
  const shown = usePreview(request, scope.seen ?? {});
  const start = useDeletion({ onUsed, onClose, onOutdated: shown.renew });
  const { earlier, refused, forget } = start;
  const { preview } = shown;
  const count = preview === undefined ? undefined : deletableOf(preview);
  const isEarlier = earlier !== undefined || refused !== undefined;
  const isNobody = count === 0 || isEmpty(shown.state);
  const close = start.state.status === 'sending' ? undefined : start.close;
  return (
    <Dialog
      isOpen
      {...(close && { onClose: close })}
      title={isEarlier ? 'An earlier deletion' : isNobody ? NOBODY : titleOf(count)}
      width={WIDTH}
    >
      {refused !== undefined ? (
        <RefusedEarlier refused={refused} onGoOn={forget} />
      ) : earlier !== undefined ? (
        <EarlierDeletion start={start} />
      ) : preview === undefined || count === 0 ? (
        <NoPreview shown={shown} words={scope.words} onClose={start.close} />
      ) : (
        <ConfirmDeletion scope={scope} shown={{ ...shown, preview }} {...{ start, close }} />
      )}
    </Dialog>
  );
};

/** Without the words about it. */
const requestOf = (scope: DeleteScope): PreviewRequest =>
  'ofJob' in scope ? { ofJob: scope.ofJob } : { selection: scope.selection };

const titleOf = (count: number | undefined): string =>
  count === undefined ? 'Delete users?' : `Delete ${countOf(count, 'user')}?`;

/** Whether the server has found no user of the selection. */
const isEmpty = (state: ShownPreview['state']): boolean =>
  state.status === 'failed' && state.problem.slug === 'empty-selection';

/** While the users are counted, and where there is nobody to delete or too many. */
const NoPreview = ({
  shown,
  words,
  onClose,
}: {
  shown: ShownPreview;
  /** The scope. */
  words: string;
  onClose: () => void;
}) => {
  const { preview, state } = shown;
  const isCounting = state.status === 'sending' || state.status === 'idle';
  return (
    <div className={styles.dialog}>
      {preview === undefined ? <Refused {...{ shown, words }} /> : null}
      {preview !== undefined && <NobodyToDelete held={preview.held} />}
      {isCounting && (
        <Delayed>
          <Skeleton height={360} role="status" aria-label="The users are being counted" />
        </Delayed>
      )}
      <DialogButtons cancel={isCounting ? 'Cancel' : 'Close'} onCancel={onClose} />
    </div>
  );
};

const Refused = ({
  shown: { state, tryNow },
  words,
}: {
  shown: Pick<ShownPreview, 'state' | 'tryNow'>;
  words: string;
}) => {
  const problem = state.status === 'failed' ? state.problem : undefined;
  if (isEmpty(state)) return <NobodyToDelete held={0} />;
  if (problem?.slug === 'delete-all-required') {
    return <NearlyEveryone problem={problem} words={words} />;
  }
  return <CallNotice state={state} isKeyed={false} onTryNow={tryNow} />;
};
