import { CloseButton, TextInput } from '@mantine/core';
import { Search } from 'lucide-react';
import { type RefObject, useEffect, useRef, useState } from 'react';
import styles from './users-page.module.css';

/** Typing rests for this long before the list changes. */
const REST_MS = 250;
const MAX_LENGTH = 255;

/**
 * The search by beginnings. It follows the address, and changes it once typing rests. Blanks around
 * a pasted text stay in the box, and are not searched for.
 */
export const SearchBox = ({
  value,
  onChange,
  inputRef,
}: {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  inputRef: RefObject<HTMLInputElement | null>;
}) => {
  const [text, setText] = useState(value ?? '');
  const sent = useRef(value ?? '');
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  }, [onChange]);
  useEffect(() => {
    // Changed by other means than typing, such as the Back button.
    if ((value ?? '') === sent.current) return;
    sent.current = value ?? '';
    setText(value ?? '');
  }, [value]);
  const wanted = text.trim();
  useEffect(() => {
    if (wanted === sent.current) return undefined;
    const send = (): void => {
      sent.current = wanted;
      latest.current(wanted === '' ? undefined : wanted);
    };
    const timer = setTimeout(send, REST_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  return (
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
};
