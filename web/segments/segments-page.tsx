import { Button, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Plus, Search } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import { useProperties } from '../filters/use-properties.ts';
import { countOf } from '../format/numbers.ts';
import { useAnnouncer } from '../page/announcer.tsx';
import { LinkButton } from '../page/links.tsx';
import { Page } from '../page/page.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { useAddShortcuts } from '../shortcuts/shortcuts.tsx';
import { DeleteSegmentDialog } from './delete-segment-dialog.tsx';
import { SegmentRow } from './segment-row.tsx';
import { type SegmentSearch, withName } from './segment-search.ts';
import { type SegmentList, useSegmentList } from './use-segment-list.ts';
import styles from './segments.module.css';

const PLACEHOLDERS = ['a', 'b', 'c'];

/** The saved filters of the workspace. */
export const SegmentsPage = () => {
  const { search, change } = useSegmentAddress();
  const all = useSegmentList();
  // Not read back from the address, which follows later.
  const [text, setText] = useState(search.q ?? '');
  const { say } = useAnnouncer();
  const list = useRef<HTMLElement>(null);
  const asked = all.segments?.find(({ id }) => id === search.delete);
  const closeDialog = () => change({ delete: undefined }, true);
  const find = (next: string): void => {
    setText(next);
    change({ q: next || undefined }, true);
  };
  return (
    <Page title="Segments" actions={<NewSegment />}>
      <div className={styles.list}>
        <p className={styles.lead}>
          A segment is a saved filter. Its users are those that match when it is used.
        </p>
        <NameSearch value={text} onChange={find} />
        <section ref={list} tabIndex={-1} aria-label="List of segments" className={styles.card}>
          <Found
            all={all}
            text={text}
            onClear={() => find('')}
            onDelete={(id) => change({ delete: id })}
          />
        </section>
      </div>
      {asked !== undefined && (
        <DeleteSegmentDialog
          segment={asked}
          onClose={closeDialog}
          onDeleted={(words) => {
            closeDialog();
            say(words);
            // Its button is gone with the row.
            list.current?.focus();
          }}
        />
      )}
    </Page>
  );
};

const useSegmentAddress = () => {
  const search = useSearch({ from: '/frame/segments' });
  const navigate = useNavigate({ from: '/segments' });
  return {
    search,
    change: (next: SegmentSearch, replace = false): void =>
      void navigate({ search: { ...search, ...next }, replace, resetScroll: false }),
  };
};

const Found = ({
  all: { segments, error, retry },
  text,
  onClear,
  onDelete,
}: {
  all: SegmentList;
  text: string;
  onClear: () => void;
  onDelete: (id: string) => void;
}) => {
  const { properties } = useProperties();
  const failure = error !== null && (
    <div className={styles.notice}>
      <ProblemNotice error={error} onRetry={retry} />
    </div>
  );
  if (segments === undefined) return failure || <Placeholders />;
  if (segments.length === 0) return failure || <NoSegments />;
  const found = withName(segments, text);
  return (
    <>
      {failure}
      <p className={styles.count}>{countWords(found.length, segments.length)}</p>
      {found.length === 0 && <NothingFound onClear={onClear} />}
      <ul>
        {found.map((segment) => (
          <SegmentRow
            key={segment.id}
            segment={segment}
            properties={properties}
            onDelete={() => onDelete(segment.id)}
          />
        ))}
      </ul>
    </>
  );
};

const countWords = (found: number, all: number): string =>
  found === all ? countOf(all, 'segment') : `${found} of ${countOf(all, 'segment')}`;

const NewSegment = () => (
  <LinkButton to="/segments/new" leftSection={<Plus aria-hidden size={16} />}>
    New segment
  </LinkButton>
);

const NameSearch = ({ value, onChange }: { value: string; onChange: (text: string) => void }) => {
  const input = useRef<HTMLInputElement>(null);
  const shortcuts = useMemo(
    () => [{ keys: '/', label: 'Search', run: () => input.current?.focus() }],
    [],
  );
  useAddShortcuts(shortcuts);
  return (
    <TextInput
      ref={input}
      type="search"
      aria-label="Search by name"
      placeholder="Search by name"
      className={styles.search}
      leftSection={<Search aria-hidden size={16} />}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
};

const NoSegments = () => (
  <div className={styles.empty}>
    <p>No segments yet.</p>
    <p className={styles.soft}>Save a filter with a name to find the same users again.</p>
    <NewSegment />
  </div>
);

const NothingFound = ({ onClear }: { onClear: () => void }) => (
  <div className={styles.empty}>
    <p>No segment has this name.</p>
    <Button variant="default" onClick={onClear}>
      Clear search
    </Button>
  </div>
);

const Placeholders = () => (
  <div className={styles.placeholders} aria-busy aria-label="Loading">
    {PLACEHOLDERS.map((name) => (
      <div key={name} className={styles.placeholder}>
        <span />
        <span />
      </div>
    ))}
  </div>
);
