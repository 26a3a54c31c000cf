import { useEffect, useRef, useState } from 'react';
import { PREVIEW_MINUTES } from '../../rules/retention.ts';
import type { CallState } from '../api/retried-call.ts';
import type { components } from '../api/schema.d.ts';
import { useApi } from '../api/services.tsx';
import { useIsVisible } from '../api/use-is-visible.ts';
import { useRetriedCall } from '../api/use-retried-call.ts';
import { useNow } from '../page/use-now.ts';
import { driftOf, type SeenCounts } from './counts.ts';

export type Preview = components['schemas']['DeletionPreview'];

/** The users to preview: a selection, or that of an earlier job as it was frozen. */
export type PreviewRequest =
  | { selection: components['schemas']['DeletionSelection'] }
  | { ofJob: string };

const VALID_MS = PREVIEW_MINUTES * 60_000;
const EVERY_MS = 1_000;

export interface ShownPreview {
  /** The latest; undefined until the first answer. */
  preview: Preview | undefined;
  /** The counts that the person saw before this preview, if they are to look again. */
  before: SeenCounts | undefined;
  state: CallState<Preview>;
  /** The seconds for which it can be confirmed; 0 once it has expired. */
  secondsLeft: number;
  renew: () => void;
  /** The person has looked at the new counts. */
  look: () => void;
  tryNow: () => void;
}

/**
 * A preview of a deletion. It is made as the dialog opens, and again when it has expired and
 * somebody looks at it.
 *
 * @param seen the users that the person saw in the list; undefined if no number was shown
 */
export const usePreview = (request: PreviewRequest, seen: number | undefined): ShownPreview => {
  const { mutateAsync } = useApi().useMutation('post', '/v1/deletion-previews', {
    networkMode: 'always',
  });
  const [shown, setShown] = useState<{ preview: Preview; madeMs: number }>();
  const [before, setBefore] = useState(() => countsOf(seen));
  // The time of the request, not of the response: the server's clock may differ from this one.
  const askedMs = useRef(0);
  const { state, call, tryNow } = useRetriedCall(
    (body: PreviewRequest) => {
      askedMs.current = Date.now();
      return mutateAsync({ body });
    },
    (answer) => {
      if ('problem' in answer) return;
      // Counts that have not been looked at stay, until the person looks.
      if (shown !== undefined && driftOf(before, shown.preview) === undefined) {
        setBefore(shown.preview);
      }
      setShown({ preview: answer.result, madeMs: askedMs.current });
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

const countsOf = (seen: number | undefined): SeenCounts | undefined =>
  seen === undefined ? undefined : { count: seen, held: undefined };
