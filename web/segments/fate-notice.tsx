import { Button, Group } from '@mantine/core';
import { TriangleAlert } from 'lucide-react';
import type { UsedSegmentForm } from './use-segment-form.ts';
import styles from './segments.module.css';

/** Somebody else changed or deleted the segment. What is written here is not lost. */
export const FateNotice = ({ form }: { form: UsedSegmentForm }) => (
  <div role="alert" className={styles.fate}>
    <TriangleAlert aria-hidden size={20} />
    {form.fate === 'deleted' ? (
      <div>
        <strong>This segment was deleted meanwhile</strong>
        <p>Somebody else deleted it. What you see here is kept until you leave.</p>
        <Group gap="xs">
          <Button variant="default" loading={form.isSaving} onClick={form.saveAsNew}>
            Save as a new segment
          </Button>
        </Group>
      </div>
    ) : (
      <div>
        <strong>This segment was changed meanwhile</strong>
        <p>Somebody else saved it after you opened it. Nothing of yours is saved yet.</p>
        <Group gap="xs">
          <Button variant="default" onClick={form.takeTheirs}>
            Show their version
          </Button>
          <Button variant="default" onClick={form.keepMine}>
            Keep mine, to save over it
          </Button>
        </Group>
      </div>
    )}
  </div>
);
