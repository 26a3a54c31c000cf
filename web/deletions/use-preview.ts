import { useEffect, useRef, useState } from 'react';
import { PREVIEW_MINUTES } from '../../rules/retention.ts';
import type { CallState } from '../api/retried-call.ts';
import type { components } from '../api/schema.d.ts';
import { useApi } from '../api/services.tsx';
import { useIsVisible } from '../api/use-is-visible.ts';
import { useRetriedCall } from '../api/use-retried-call.ts';
import { useNow } from '../page/use-now.ts';
import { type Before, changeOf, type SeenCounts } from './counts.ts';

export type Preview = components['schemas']['DeletionPreview'];

/** The users to preview: a selection, or that of an earlier job as it was frozen. */
export type PreviewRequest =
  | { selection: components['schemas']['DeletionSelection'] }
  | { ofJob: string };

const VALID_MS = PREVIEW_MINUTES * 60_000;
const EVERY_MS = 1_000;

/** What a person saw in the list of users. */
export interface SeenInList {
  /** The number of the selected users; undefined if none was shown. */
  count?: number | undefined;
  /** When the segment of the shown users had last been changed. */
  segmentUpdatedAt?: string | undefined;
  /** Is called if the segment was changed since then: the list has to be read again. */
  onOtherSegment?: () => void;
  /** Nobody has seen the list: it was not there yet, or the page was loaded with the dialog. */
  isUnseen?: boolean;
}

export type DeleteScope = PreviewRequest & {
  /** `segment 'Churned 2024', 3 left out` */
  words: string;
  /** The users that the person took out of the selection. */
  leftOut?: number;
  /** What the person saw of these users in the list. */
  seen?: SeenInList;
};

export interface ShownPreview {
  /** The latest; undefined until the first answer. */
  preview: Preview | undefined;
  /** What the person saw before this preview, if they are to look again. */
  before: Before | undefined;
  state: CallState<Preview>;
  /** The seconds for which it can be confirmed; 0 once it has expired. */
  secondsLeft: number;
  renew: () => void;
  /** The person has looked at what has changed. */
  look: () => void;
  tryNow: () => void;
}

/**
 * A preview of a deletion. It is made as the dialog opens, and again when it has expired and
 * somebody looks at it.
 *
 * @param list what the person saw in the list, before the dialog
 */
export const usePreview = (request: PreviewRequest, list: SeenInList): ShownPreview => {
  const { mutateAsync } = useApi().useMutation('post', '/v1/deletion-previews');
  const [shown, setShown] = useState<{ preview: Preview; madeMs: number }>();
  // Of the time when the dialog opened: the list behind it is read again.
  const [{ segmentUpdatedAt }] = useState(list);
  const [before, setBefore] = useState<Before | undefined>(() => ({
    counts: countsOf(list.count),
    isUnseen: list.isUnseen === true,
  }));
  // The time of the request, not of the response: the server's clock may differ from this one.
  const askedMs = useRef(0);
  const { state, call, tryNow } = useRetriedCall(
    (body: PreviewRequest) => {
      askedMs.current = Date.now();
      return mutateAsync({ body });
    },
    (answer) => {
      if ('problem' in answer) return;
      const preview = answer.result;
      const isOtherSegment =
        segmentUpdatedAt !== undefined && segmentUpdatedAt !== preview.segmentUpdatedAt;
      if (isOtherSegment) list.onOtherSegment?.();
      // A change that has not been looked at stays, until the person looks.
      const isSeen = shown !== undefined && changeOf(before, shown.preview) === undefined;
      const known = isSeen ? { counts: shown.preview, isExpired: true } : before;
      setBefore(isOtherSegment ? { ...known, isOtherSegment } : known);
      setShown({ preview, madeMs: askedMs.current });
    },
  );

  const isVisible = useIsVisible();
  const now = useNow(EVERY_MS, shown !== undefined);
  // The present time is up to a second old: a preview is not valid for longer than it is.
  const leftMs = Math.min(VALID_MS, shown === undefined ? VALID_MS : shown.madeMs + VALID_MS - now);
  const isWanted = state.status === 'idle' || (state.status === 'done' && leftMs <= 0 && isVisible);
  useEffect(() => {
    if (isWanted) call(request);
  }, [isWanted, call, request]);

  return {
    preview: shown?.preview,
    before,
    state,
    secondsLeft: Math.max(0, Math.ceil(leftMs / 1_000)),
    renew: () => call(request),
    look: () => setBefore(undefined),
    tryNow,
  };
};

const countsOf = (count: number | undefined): SeenCounts | undefined =>
  count === undefined ? undefined : { count, held: undefined };
