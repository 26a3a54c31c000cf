import { problemOf } from '../../api/problem.ts';
import { problemsWithin } from '../../filters/filter-problems.ts';
import { isFilter } from '../../filters/read-filter.ts';
import { lazyPart } from '../../page/lazy-page.ts';
import type { ListParts } from '../list-parts.ts';
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

const DeleteSelected = ({ address, used, scope: { usable, words } }: ListParts) => {
  if ('detail' in usable) return null;
  const end = (): void => {
    // The selected users are being deleted, so nothing of the selection comes back.
    used.clear();
    used.dismissUndo();
  };
  return (
    <DeleteDialog
      scope={{ selection: usable.selection, words }}
      onClose={address.closeDialog}
      onUsed={end}
    />
  );
};
