import { CloseButton, TextInput } from '@mantine/core';
import { Search } from 'lucide-react';
import type { RefObject } from 'react';
import type { TypedSearch } from './use-typed-search.ts';
import styles from './users-page.module.css';

const MAX_LENGTH = 255;

/** The search by beginnings. */
export const SearchBox = ({
  typed: { text, setText },
  inputRef,
}: {
  typed: TypedSearch;
  inputRef: RefObject<HTMLInputElement | null>;
}) => (
  <TextInput
    ref={inputRef}
    type="search"
    aria-label="Search"
    placeholder="Starts with: id, mail, phone, name"
    className={styles.search}
    maxLength={MAX_LENGTH}
    autoComplete="off"
    spellCheck={false}
    leftSection={<Search aria-hidden size={16} />}
    rightSection={
      text === '' ? undefined : (
        <CloseButton aria-label="Clear the search" size="sm" onClick={() => setText('')} />
      )
    }
    value={text}
    onChange={(event) => setText(event.currentTarget.value)}
  />
);
