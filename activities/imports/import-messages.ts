import type { MailMatch } from '../../db/imports/import-match.ts';
import type { FailedLine } from '../../imports/log/failed-lines.ts';
import type { FileErrorType } from '../../imports/file-error.ts';
import type { ImportChunk, ImportRow } from '../../imports/read-chunks.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Prepared, RowsJob } from './prepare-rows.ts';

/** The task of a thread: count the lines of a file, or prepare its chunks. */
export type ReadTask =
  | { kind: 'count'; types: PropertyTypes; job: Pick<RowsJob, 'options'> }
  | { kind: 'chunks'; types: PropertyTypes; job: RowsJob; done: ReadonlySet<number> };

/** A row whose payload is a string, so that it can be sent. */
export type SentRow = Omit<ImportRow, 'payload'> & { payload: string };

/** A line of the file, and the index of its staged row. */
export interface RowLine {
  n: number;
  line: number;
  payload: string;
}

/** The staged rows of a chunk, as text for COPY. */
export interface SentRows extends Omit<Prepared, 'rows' | 'pieces'> {
  text: Uint8Array;
}

/** A chunk, with all work done that is possible before its turn. */
export interface SentChunk extends Omit<ImportChunk, 'rows'> {
  /**
   * Undefined if no line could be parsed, if the chunk is done, or if users must be found by mail
   * address first.
   */
  whole: SentRows | undefined;
  /** The email address of each row, if users must be found by them. */
  mails?: string[];
}

/** A chunk whose users were found by email address. */
export interface MatchedChunk {
  whole: SentRows | undefined;
  /** Lines whose users were not found. */
  failed: FailedLine[];
}

export type ToThread =
  | { kind: 'start'; task: ReadTask }
  /** A piece of the file; null at its end. */
  | { kind: 'piece'; bytes: Uint8Array | null }
  | { kind: 'next' }
  | { kind: 'rows'; chunk: number }
  /** Asks for the lines of these staged rows. */
  | { kind: 'lines'; chunk: number; rows: readonly number[] }
  /** Sends the users of a chunk's email addresses. */
  | { kind: 'match'; chunk: number; matches: readonly MailMatch[] }

  /** Drops the kept rows: no more questions follow. */
  | { kind: 'rest' };

export type FromThread =
  /** Asks for the next piece of the file. */
  | { kind: 'wanted' }
  | { kind: 'counted'; lines: number }
  | { kind: 'chunk'; chunk: SentChunk }
  | { kind: 'rows'; chunk: number; rows: SentRow[] }
  | { kind: 'lines'; chunk: number; lines: RowLine[] }
  | { kind: 'match'; chunk: number; matched: MatchedChunk }
  | { kind: 'end' }
  | { kind: 'fileError'; type: FileErrorType; line: number; detail: string }
  | { kind: 'error'; error: unknown };
