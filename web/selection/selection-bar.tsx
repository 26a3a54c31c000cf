import { Button, CloseButton } from '@mantine/core';
import { type MouseEvent, type ReactNode, useRef } from 'react';
import { isNothing } from './selection.ts';
import type { Undo } from './selection-state.ts';
import { type SelectionFacts, wordsOfSelection } from './selection-words.ts';
import type { UsedSelection } from './use-selection.ts';
import styles from './selection-bar.module.css';

const UNDO_WORDS = {
  filterChanged: 'The filter changed, so nothing is selected.',
  cleared: 'Nothing is selected now.',
} as const;

/**
 * The line above a list of users. It says what is selected, offers all users of the query, and
 * brings back what was cleared. Its height stays, so that no row moves under the pointer. Its
 * buttons do move: of a double click, only the first click acts.
 */
export const SelectionBar = ({
  used,
  facts,
  count,
  countAgain,
  undoFilter,
  actions,
  children,
}: {
  used: UsedSelection;
  facts: Omit<SelectionFacts, 'selection'>;
  /** The number of users of the list, while nothing is selected. */
  count: string;
  /** The server gave up counting; this makes it count once more. */
  countAgain: (() => void) | undefined;
  /** Shows the list of the query from before; undefined if it is not known. */
  undoFilter: (() => void) | undefined;
  /** Buttons for the selected users. */
  actions: ReactNode;
  /** Stands at the end of the line. */
  children: ReactNode;
}) => {
  const line = useRef<HTMLDivElement>(null);
  const { selection } = used;
  const words = wordsOfSelection({ ...facts, selection });
  const isActive = !isNothing(selection);
  const undo = undoOf(used, undoFilter);
  /** The button disappears by its own action, so the focus goes to the line. */
  const thenFocus = (act: () => void) => () => {
    act();
    line.current?.focus();
  };
  return (
    <div className={styles.bar} data-active={isActive || undefined}>
      <div ref={line} tabIndex={-1} className={styles.words} onClickCapture={stopSecondClick}>
        <span role="status" className={styles.status}>
          <span>{isActive ? words.text : count}</span>
          {undo !== undefined && <span>{UNDO_WORDS[undo.reason]}</span>}
        </span>
        {words.selectAll !== undefined && (
          <LineButton onClick={thenFocus(used.selectAll)}>{words.selectAll}</LineButton>
        )}
        {words.waitsForCount && countAgain === undefined && (
          <span className={styles.soft}>Counting all users…</span>
        )}
        {countAgain !== undefined && <LineButton onClick={countAgain}>Count again</LineButton>}
        {words.mayClear && <LineButton onClick={thenFocus(used.clear)}>Clear</LineButton>}
        {undo !== undefined && (
          <span className={styles.undo}>
            <LineButton onClick={thenFocus(undo.act)}>Undo</LineButton>
            <CloseButton size="sm" aria-label="Dismiss" onClick={thenFocus(used.dismissUndo)} />
          </span>
        )}
      </div>
      {isActive && (
        <div className={styles.actions} onClickCapture={stopSecondClick}>
          {actions}
        </div>
      )}
      <div className={styles.end}>{children}</div>
    </div>
  );
};

/** The first click may have brought another button under the pointer. */
const stopSecondClick = (event: MouseEvent): void => {
  if (event.detail > 1) event.stopPropagation();
};

/** What can be brought back, and how; undefined if nothing can. */
const undoOf = (
  { selection, undo, undoClear }: UsedSelection,
  undoFilter: (() => void) | undefined,
): { reason: Undo['reason']; act: () => void } | undefined => {
  if (undo === undefined || !isNothing(selection)) return undefined;
  const act = undo.reason === 'filterChanged' ? undoFilter : undoClear;
  return act && { reason: undo.reason, act };
};

const LineButton = ({ onClick, children }: { onClick: () => void; children: ReactNode }) => (
  <Button variant="subtle" size="compact-sm" className={styles.button} onClick={onClick}>
    {children}
  </Button>
);
