import { useNavigate } from '@tanstack/react-router';
import { useProperties } from '../filters/use-properties.ts';
import { useAnnouncer } from '../page/announcer.tsx';
import { Page } from '../page/page.tsx';
import { FormPlaceholder } from './form-placeholder.tsx';
import { SegmentForm } from './segment-form.tsx';
import { useSegmentList } from './use-segment-list.ts';

export const NewSegmentPage = () => {
  const list = useSegmentList();
  const { properties, error } = useProperties();
  const navigate = useNavigate();
  const { say } = useAnnouncer();
  return (
    <Page title="New segment">
      {properties === undefined ? (
        <FormPlaceholder error={error} />
      ) : (
        <SegmentForm
          properties={properties}
          list={list}
          onSaved={(id) => {
            say('The segment is saved.');
            void navigate({
              to: '/segments/$id',
              params: { id },
              replace: true,
              ignoreBlocker: true,
            });
          }}
        />
      )}
    </Page>
  );
};
