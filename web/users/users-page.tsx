import { Button } from '@mantine/core';
import { Filter as FilterIcon } from 'lucide-react';
import { Suspense, useRef, useState } from 'react';
import { useMe } from '../api/services.tsx';
import { useProperties } from '../filters/use-properties.ts';
import { Page } from '../page/page.tsx';
import { isNothing } from '../selection/selection.ts';
import { useSelection } from '../selection/use-selection.ts';
import { ActionsMenu } from './actions-menu.tsx';
import { ColumnChoice } from './table/column-choice.tsx';
import { QueryTokens } from './query-tokens.tsx';
import { SearchBox } from './search-box.tsx';
import { SegmentChoice } from './segment-choice.tsx';
import { useColumns } from './table/use-columns.ts';
import { useScope } from './use-scope.ts';
import { useSegmentList } from '../segments/use-segment-list.ts';
import { useUserAddress } from './use-user-address.ts';
import { useUserList } from './use-user-list.ts';
import { UserListCard } from './user-list-card.tsx';
import { UsersDialogs } from './dialogs/users-dialogs.tsx';
import { useUserShortcuts } from './use-user-shortcuts.ts';
import styles from './users-page.module.css';

/** The users of the workspace: found, listed, selected, and handed to exports and deletions. */
export const UsersPage = () => {
  const address = useUserAddress();
  const { search, query, queryId, typed, change, openDialog } = address;
  const { properties } = useProperties();
  const { segments } = useSegmentList();
  const segmentName = segments?.find(({ id }) => id === search.segment)?.name;
  const columns = useColumns(useMe().workspace?.id ?? '', properties);
  const list = useUserList(address);
  const used = useSelection(queryId, list);
  const scope = useScope(used.selection, query, segmentName, properties);
  const searchBox = useRef<HTMLInputElement>(null);
  useUserShortcuts(searchBox, {
    used,
    isOld: list.isOld,
    openDelete: () => openDialog('delete'),
  });
  const isUnseen = useIsUnseen(search.do);
  const parts = { address, properties, segments, segmentName, list, isUnseen, used, scope };
  return (
    <Page
      title="Users"
      isWide
      actions={
        <div className={styles.actions}>
          <ColumnChoice columns={columns.all} shown={columns.fields} onChange={columns.choose} />
          <ActionsMenu hasSelection={!isNothing(used.selection)} onOpen={openDialog} />
        </div>
      }
    >
      <div className={styles.list}>
        <div className={styles.finders}>
          <SearchBox typed={typed} inputRef={searchBox} />
          <SegmentChoice
            segments={segments}
            value={search.segment}
            onChange={(segment) => change({ segment })}
          />
          <Button
            variant="default"
            leftSection={<FilterIcon aria-hidden size={16} />}
            onClick={() => openDialog('filter')}
          >
            Filter
          </Button>
        </div>
        <QueryTokens {...parts} />
        <UserListCard {...parts} columns={columns.shown} />
      </div>
      {search.do !== undefined && (
        <Suspense>
          <UsersDialogs {...parts} columns={columns.fields} />
        </Suspense>
      )}
    </Page>
  );
};

/** Whether the dialog to delete has been open since the page began, as after a reload. */
const useIsUnseen = (dialog: string | undefined): boolean => {
  const [isUnseen, setUnseen] = useState(dialog === 'delete');
  if (isUnseen && dialog !== 'delete') setUnseen(false);
  return isUnseen;
};
