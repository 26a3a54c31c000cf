import { ActionIcon } from '@mantine/core';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { formatCount } from '../format/numbers.ts';
import styles from './users-page.module.css';

/** The place in the list, and the way to the pages before and after. */
export const Pager = ({
  label,
  range,
  onPrevious,
  onNext,
}: {
  label: string;
  range: { from: number; to: number } | undefined;
  /** Undefined on the first page. */
  onPrevious: (() => void) | undefined;
  /** Undefined on the last page. */
  onNext: (() => void) | undefined;
}) => (
  <nav aria-label={label} className={styles.pager}>
    {range !== undefined && (
      <span>
        {formatCount(range.from)}–{formatCount(range.to)}
      </span>
    )}
    <PageButton name="Previous page" icon={ChevronLeft} onClick={onPrevious} />
    <PageButton name="Next page" icon={ChevronRight} onClick={onNext} />
  </nav>
);

/** It keeps the focus on the last page: a disabled button would lose it. */
const PageButton = ({
  name,
  icon: Icon,
  onClick,
}: {
  name: string;
  icon: typeof ChevronLeft;
  onClick: (() => void) | undefined;
}) => (
  <ActionIcon
    variant="default"
    size={32}
    aria-label={name}
    aria-disabled={onClick === undefined}
    {...(onClick === undefined ? { 'data-disabled': true } : { onClick })}
  >
    <Icon aria-hidden size={18} />
  </ActionIcon>
);
