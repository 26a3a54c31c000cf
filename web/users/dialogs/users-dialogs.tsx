import { useNavigate } from '@tanstack/react-router';
import { type RefObject, Suspense, useEffect, useRef, useState } from 'react';
import { problemOf } from '../../api/problem.ts';
import { problemsWithin } from '../../filters/filter-problems.ts';
import { isFilter } from '../../filters/read-filter.ts';
import { useRefreshUsers } from '../../jobs/use-refresh-users.ts';
import { lazyPart } from '../../page/lazy-page.ts';
import { countSelected } from '../../selection/selection.ts';
import type { ListParts } from '../list-parts.ts';
import { useUserCount } from '../use-user-list.ts';
import { DeleteAllDialog } from './delete-all-dialog.tsx';

const DeleteDialog = lazyPart(() =>
  import('../../deletions/delete-dialog.tsx').then((module) => module.DeleteDialog),
);
const ExportDialog = lazyPart(() =>
  import('../../exports/export-dialog.tsx').then((module) => module.ExportDialog),
);
const FilterDialog = lazyPart(() =>
  import('./filter-dialog.tsx').then((module) => module.FilterDialog),
);
const SaveSegmentDialog = lazyPart(() =>
  import('./save-segment-dialog.tsx').then((module) => module.SaveSegmentDialog),
);
const SegmentDownload = lazyPart(() =>
  import('./segment-download.tsx').then((module) => module.SegmentDownload),
);

/** The dialog in the address of the page. */
export const UsersDialogs = (parts: ListParts & { columns: readonly string[] }) => {
  const { address, properties, segments, list, scope, columns } = parts;
  const { search, change, closeDialog: onClose } = address;
  const filter = isFilter(search.filter) ? search.filter : undefined;
  const common = { columns: ['userId', ...columns], onClose };
  switch (search.do) {
    case 'filter':
      return properties === undefined ? null : (
        <FilterDialog
          filter={filter}
          properties={properties}
          problems={
            list.error === null ? [] : problemsWithin(problemOf(list.error).errors, '?filter')
          }
          onApply={(next) => change({ filter: next })}
          onClose={onClose}
        />
      );
    case 'save-segment': {
      const segment = segments?.find(({ id }) => id === search.segment);
      if (properties === undefined || filter === undefined) return null;
      // Without the filter of its segment, the new one would find more users than the list shows.
      if (search.segment !== undefined && segment === undefined) return null;
      return (
        <SaveSegmentDialog
          filter={segment === undefined ? filter : { and: [segment.filter, filter] }}
          properties={properties}
          hasSearch={search.q !== undefined}
          onSaved={(id) => change({ segment: id, filter: undefined })}
          onClose={onClose}
        />
      );
    }
    case 'download-all':
      return (
        <ExportDialog {...common} scope={{ selection: { type: 'all' }, words: 'all users' }} />
      );
    case 'download-segment':
      return <SegmentDownload {...common} segments={segments} segmentId={search.segment} />;
    case 'download-selected':
      if ('detail' in scope.usable) return null;
      return (
        <ExportDialog
          {...common}
          scope={{ selection: scope.usable.selection, words: scope.words }}
        />
      );
    case 'delete-all':
      return <DeleteAllDialog onClose={onClose} />;
    case 'delete':
      return <DeleteSelected {...parts} />;
    case undefined:
      return null;
  }
};

const DeleteSelected = (parts: ListParts) => {
  const { address, list, used, scope } = parts;
  const { usable, words } = scope;
  const count = useSeenCount(parts);
  const onOtherSegment = useRefreshUsers();
  const isAll = used.selection.kind === 'all';
  // Of the time when the dialog was opened: the list may come while its files are loaded.
  const [seen] = useState({
    count,
    isUnseen: isAll && (parts.isUnseen || list.users === undefined || list.isOld),
    ...(isAll && { segmentUpdatedAt: list.segmentUpdatedAt }),
  });
  const isStarted = useRef(false);
  useCloseWithoutUsers('detail' in usable, isStarted);
  if ('detail' in usable) return null;
  const end = (): void => {
    isStarted.current = true;
    // The selected users are being deleted, so nothing of the selection comes back.
    used.clear();
    used.dismissUndo();
  };
  const leftOut = used.selection.kind === 'all' ? used.selection.except.size : undefined;
  return (
    <Suspense>
      <DeleteDialog
        scope={{
          selection: usable.selection,
          words,
          seen: { ...seen, ...(isAll && { onOtherSegment }) },
          ...(leftOut !== undefined && { leftOut }),
        }}
        onClose={address.closeDialog}
        onUsed={end}
      />
    </Suspense>
  );
};

/**
 * The number of selected users that the list shows, where all of a query are selected: they may be
 * others by now. Undefined if it is not known; the list counts, and this only reads it.
 */
const useSeenCount = ({ address, list, used: { selection } }: ListParts): number | undefined => {
  const isWhole = address.search.after === undefined && list.nextCursor === null && !list.isOld;
  const known = isWhole ? list.users?.length : undefined;
  const { total } = useUserCount(address.query, { known, isReady: false });
  return selection.kind === 'all' ? countSelected(selection, total) : undefined;
};

/** Removes the dialog from the address where there is nobody to delete; a started one leads on. */
const useCloseWithoutUsers = (isEmpty: boolean, isStarted: RefObject<boolean>): void => {
  const navigate = useNavigate({ from: '/users' });
  useEffect(() => {
    if (!isEmpty || isStarted.current) return;
    void navigate({
      to: '/users',
      search: (old) => ({ ...old, do: undefined }),
      replace: true,
      resetScroll: false,
      state: true,
    });
  }, [isEmpty, isStarted, navigate]);
};
