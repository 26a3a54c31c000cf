import type { Me } from '../api/session-info.ts';

/** Whether all users can be deleted now. */
export type DeleteAllState =
  | { status: 'unknown' }
  | { status: 'locked' }
  /** A request is approved, and can be run until its window closes. */
  | { status: 'open'; until: string; requestId: string };

/**
 * What `GET /v1/me` says about it. An answer that cannot be read again is not current, so nothing
 * is known then.
 */
export const deleteAllStateOf = (
  me: Pick<Me, 'features'> | undefined,
  isFailing: boolean,
): DeleteAllState => {
  if (me === undefined || isFailing) return { status: 'unknown' };
  const { deleteAll } = me.features;
  const isOpen = deleteAll?.enabled === true;
  if (!isOpen || deleteAll.until === null || deleteAll.requestId === null) {
    return { status: 'locked' };
  }
  return { status: 'open', until: deleteAll.until, requestId: deleteAll.requestId };
};
