import { Checkbox, Radio } from '@mantine/core';
import { useMe } from '../api/services.tsx';
import styles from './export-dialog.module.css';

export interface ExportOptions {
  format: 'csv' | 'ndjson';
  /** All properties, in place of those that the table shows. */
  isEveryColumn: boolean;
  isGzip: boolean;
  isNotified: boolean;
}

/** The options of the file of an export. */
export const ExportFields = ({
  options,
  onChange,
}: {
  options: ExportOptions;
  onChange: (options: ExportOptions) => void;
}) => {
  const { key } = useMe();
  const set = (changes: Partial<ExportOptions>): void => onChange({ ...options, ...changes });
  return (
    <>
      <Radio.Group label="Format" value={options.format} onChange={(format) => set({ format })}>
        <div className={styles.choices}>
          <Radio
            value="csv"
            label="CSV"
            description="For spreadsheets. No cell of it is run as a formula."
          />
          <Radio
            value="ndjson"
            label="NDJSON"
            description="For programs: one user as JSON on each line."
          />
        </div>
      </Radio.Group>
      <Radio.Group
        label="Columns"
        value={options.isEveryColumn ? 'all' : 'shown'}
        onChange={(value) => set({ isEveryColumn: value === 'all' })}
      >
        <div className={styles.choices}>
          <Radio value="all" label="All properties" />
          <Radio value="shown" label="Only the columns of the table" />
        </div>
      </Radio.Group>
      <Checkbox
        label="Compress the file with gzip"
        checked={options.isGzip}
        onChange={(event) => set({ isGzip: event.currentTarget.checked })}
      />
      <Checkbox
        label={`Send a mail with a link to ${key.ownerEmail}`}
        checked={options.isNotified}
        onChange={(event) => set({ isNotified: event.currentTarget.checked })}
      />
    </>
  );
};
