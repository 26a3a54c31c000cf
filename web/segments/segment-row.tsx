import { Button, VisuallyHidden } from '@mantine/core';
import type { PropertyTypes } from '../../selection/fields.ts';
import { describeFilter } from '../filters/describe-filter.ts';
import { Timestamp } from '../format/timestamp.tsx';
import { LinkButton, TextLink } from '../page/links.tsx';
import type { Segment } from './use-segment-list.ts';
import styles from './segments.module.css';

/** A segment in the list: its name, its filter in words, its times, and what can be done. */
export const SegmentRow = ({
  segment,
  properties = new Map(),
  onDelete,
}: {
  segment: Segment;
  /** Undefined until they are loaded: the words are then less exact. */
  properties: PropertyTypes | undefined;
  onDelete: () => void;
}) => {
  const { id, name, filter, createdAt, updatedAt } = segment;
  return (
    <li className={styles.row}>
      <div className={styles.about}>
        <TextLink to="/segments/$id" params={{ id }} className={styles.name}>
          {name}
        </TextLink>
        <p className={styles.words}>{describeFilter(filter, properties)}</p>
        <p className={styles.times}>
          <span>
            Created <Timestamp at={createdAt} />
          </span>
          {updatedAt !== createdAt && (
            <span>
              Changed <Timestamp at={updatedAt} />
            </span>
          )}
        </p>
      </div>
      <div className={styles.actions}>
        <LinkButton to="/users" search={{ segment: id }} variant="default" size="compact-md">
          Show users
          <Of name={name} />
        </LinkButton>
        <LinkButton to="/segments/$id" params={{ id }} variant="default" size="compact-md">
          Edit
          <Of name={name} />
        </LinkButton>
        <Button variant="subtle" color="gray" size="compact-md" onClick={onDelete}>
          Delete segment…
          <Of name={name} />
        </Button>
      </div>
    </li>
  );
};

/** For readers that see only the button. */
const Of = ({ name }: { name: string }) => <VisuallyHidden> {name}</VisuallyHidden>;
