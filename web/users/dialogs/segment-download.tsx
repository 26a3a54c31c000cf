import { useState } from 'react';
import { lazyPart } from '../../page/lazy-page.ts';
import type { Segment } from '../../segments/use-segment-list.ts';
import { SegmentChoice } from '../segment-choice.tsx';

const ExportDialog = lazyPart(() =>
  import('../../exports/export-dialog.tsx').then((module) => module.ExportDialog),
);

/** Downloads all users of a segment, which is that of the list at first. */
export const SegmentDownload = ({
  segments,
  segmentId,
  columns,
  onClose,
}: {
  segments: readonly Segment[] | undefined;
  segmentId: string | undefined;
  columns: readonly string[];
  onClose: () => void;
}) => {
  const [chosen, setChosen] = useState(segmentId);
  const segment = segments?.find(({ id }) => id === chosen);
  return (
    <ExportDialog
      scope={
        segment && {
          selection: { type: 'segment', segmentId: segment.id },
          words: `all users in '${segment.name}'`,
        }
      }
      columns={columns}
      onClose={onClose}
    >
      <SegmentChoice
        segments={segments}
        value={chosen}
        placeholder="Choose a segment"
        onChange={setChosen}
      />
    </ExportDialog>
  );
};
