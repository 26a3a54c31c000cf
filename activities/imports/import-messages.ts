import type { MailMatch } from '../../db/imports/import-match.ts';
import type { FailedLine } from '../../imports/log/failed-lines.ts';
import type { FileErrorType } from '../../imports/file-error.ts';
import type { ImportChunk, ImportRow } from '../../imports/read-chunks.ts';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Prepared, RowsJob } from './prepare-rows.ts';

/** What a thread is asked to do with a file: to count its lines, or to prepare its chunks. */
export type ReadTask =
  | { kind: 'count'; types: PropertyTypes; job: Pick<RowsJob, 'options'> }
  | { kind: 'chunks'; types: PropertyTypes; job: RowsJob; done: ReadonlySet<number> };

/** A row with its payload written out, so that it can be sent. */
export type SentRow = Omit<ImportRow, 'payload'> & { payload: string };

/** A line of the file, and the staged row it is part of. */
export interface RowLine {
  n: number;
  line: number;
  payload: string;
}

/** Rows of a chunk as they are staged, put together for COPY. */
export interface SentRows extends Omit<Prepared, 'rows' | 'pieces'> {
  text: Uint8Array;
}

/** A chunk with what of its work can be done before its turn. */
export interface SentChunk extends Omit<ImportChunk, 'rows'> {
  /** None when no line of it could be read, it is done, or its users have to be found first. */
  whole: SentRows | undefined;
  /** Of each row, where users have to be found by them. */
  mails?: string[];
}

/** A chunk whose users were found by mail address. */
export interface MatchedChunk {
  whole: SentRows | undefined;
  /** Lines whose users were not. */
  failed: FailedLine[];
}

export type ToThread =
  | { kind: 'start'; task: ReadTask }
  /** Of the file; null at its end. */
  | { kind: 'piece'; bytes: Uint8Array | null }
  | { kind: 'next' }
  | { kind: 'rows'; chunk: number }
  /** The lines of these staged rows. */
  | { kind: 'lines'; chunk: number; rows: readonly number[] }
  /** Says whose the mail addresses of a chunk's rows are. */
  | { kind: 'match'; chunk: number; matches: readonly MailMatch[] }

  /** The rows that are kept are asked for no more. */
  | { kind: 'rest' };

export type FromThread =
  /** Another piece of the file is wanted. */
  | { kind: 'wanted' }
  | { kind: 'counted'; lines: number }
  | { kind: 'chunk'; chunk: SentChunk }
  | { kind: 'rows'; chunk: number; rows: SentRow[] }
  | { kind: 'lines'; chunk: number; lines: RowLine[] }
  | { kind: 'match'; chunk: number; matched: MatchedChunk }
  | { kind: 'end' }
  | { kind: 'fileError'; type: FileErrorType; line: number; detail: string }
  | { kind: 'error'; error: unknown };
