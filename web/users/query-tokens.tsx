import { Button } from '@mantine/core';
import { FilterTokens, Token } from '../filters/filter-tokens.tsx';
import { isFilter } from '../filters/read-filter.ts';
import type { ListParts } from './list-parts.ts';
import styles from './users-page.module.css';

/** The filter of the list, in words that can be removed one by one. */
export const QueryTokens = ({ address: { search, change, openDialog }, properties }: ListParts) => {
  const { filter } = search;
  if (filter === undefined) return null;
  if (!isFilter(filter)) {
    return (
      <div className={styles.tokens}>
        <Token
          words="A filter that cannot be read"
          onRemove={() => change({ filter: undefined })}
        />
      </div>
    );
  }
  return (
    <div className={styles.tokens} role="group" aria-label="Filter">
      <FilterTokens
        filter={filter}
        properties={properties ?? new Map()}
        onChange={(next) => change({ filter: next })}
        onEdit={() => openDialog('filter')}
      />
      <Button variant="subtle" size="compact-sm" onClick={() => openDialog('save-segment')}>
        Save as segment
      </Button>
    </div>
  );
};
