import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { PropertyTypes } from '../../selection/fields.ts';
import { useProperties } from '../filters/use-properties.ts';
import { useAnnouncer } from '../page/announcer.tsx';
import { LinkButton } from '../page/links.tsx';
import { Page } from '../page/page.tsx';
import { FormPlaceholder } from './form-placeholder.tsx';
import { SegmentForm } from './segment-form.tsx';
import { type SegmentList, useSegmentList } from './use-segment-list.ts';
import styles from './segments.module.css';

/** One segment: its name, its filter, and the users that it finds. */
export const SegmentPage = () => {
  const { id } = useParams({ from: '/frame/segments/$id' });
  const list = useSegmentList();
  const { properties, error } = useProperties();
  return (
    <Page
      title="Edit segment"
      actions={
        <LinkButton to="/users" search={{ segment: id }} variant="default">
          Show users
        </LinkButton>
      }
    >
      {properties === undefined || list.segments === undefined ? (
        <FormPlaceholder error={list.error ?? error} onRetry={list.retry} />
      ) : (
        <OpenSegment id={id} list={list} properties={properties} />
      )}
    </Page>
  );
};

const OpenSegment = ({
  id,
  list,
  properties,
}: {
  id: string;
  list: SegmentList;
  properties: PropertyTypes;
}) => {
  const navigate = useNavigate();
  const { say } = useAnnouncer();
  // As it was opened: what others do to it meanwhile is the form's to report.
  const found = list.segments?.find((one) => one.id === id);
  const [segment, setSegment] = useState(found);
  // A list of before may lack it.
  if (segment === undefined && found !== undefined) setSegment(found);
  const isRead = !list.isReading && list.error === null;
  const [isMissing, setMissing] = useState(false);
  if (segment === undefined && isRead && !isMissing) setMissing(true);
  if (segment === undefined) {
    return isMissing ? <NoSegment /> : <FormPlaceholder error={list.error} onRetry={list.retry} />;
  }
  return (
    <SegmentForm
      segment={segment}
      properties={properties}
      list={list}
      onSaved={(savedId, isNew) => {
        say('The segment is saved.');
        if (!isNew) return;
        const to = { to: '/segments/$id', params: { id: savedId } } as const;
        void navigate({ ...to, replace: true, ignoreBlocker: true });
      }}
    />
  );
};

const NoSegment = () => (
  <div className={styles.gone}>
    <p>This segment does not exist. Somebody may have deleted it. No user was deleted with it.</p>
    <LinkButton to="/segments" variant="default">
      Go to the segments
    </LinkButton>
  </div>
);
