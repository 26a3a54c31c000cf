import { keepPreviousData } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useApi } from '../../api/services.tsx';
import { isActive, type Job } from '../job.ts';

/** What became of one user, or of one line of a file. */
export interface RecordRow {
  /** The id of the user, or the number of the line. */
  name: string;
  outcome: string;
  reason: string | null;
}

const LIMIT = 50;
const ACTIVE_MS = 5_000;

/**
 * A page of the records of a job, read again while the job runs, and once it has ended. Each type
 * of job has its own path.
 */
export const useRecords = (job: Job, outcome: string, cursor: string | undefined) => {
  const api = useApi();
  const path = { id: job.id };
  const page = { limit: LIMIT, ...(cursor !== undefined && { cursor }) };
  const options = (type: Job['type']) => ({
    enabled: job.type === type,
    placeholderData: keepPreviousData,
    // A page that was read before the end of the job lacks the records since.
    staleTime: 0,
    refetchInterval: isActive(job) ? ACTIVE_MS : (false as const),
  });
  const query = { ...page, ...(outcome !== '' && { outcome: outcome as never }) };
  const init = { params: { path, query } };
  const deletion = api.useQuery('get', '/v1/deletions/{id}/records', init, options('deletion'));
  const restore = api.useQuery('get', '/v1/restores/{id}/records', init, options('restore'));
  const ofLines = { params: { path, query: page } };
  const lines = api.useQuery('get', '/v1/imports/{id}/records', ofLines, options('import'));

  const used = job.type === 'import' ? lines : job.type === 'restore' ? restore : deletion;
  const { data, error, isPlaceholderData, refetch } = used;
  useAtEnd(job, () => void refetch());
  const rows = data?.data.map((row): RecordRow =>
    'line' in row
      ? { name: String(row.line), outcome: row.code, reason: row.message }
      : { name: row.userId, outcome: row.outcome, reason: row.reason },
  );
  return {
    data: rows && { rows, nextCursor: data?.nextCursor ?? null },
    error,
    isPlaceholderData,
    refetch,
    /** Says whether the records are current. */
    query: used,
  };
};

/** Calls back once a job ends that ran before. */
const useAtEnd = (job: Job, onEnd: () => void): void => {
  const wasActive = useRef(false);
  const latest = useRef(onEnd);
  useEffect(() => {
    latest.current = onEnd;
  });
  const isRunning = isActive(job);
  useEffect(() => {
    if (wasActive.current && !isRunning) latest.current();
    wasActive.current = isRunning;
  }, [isRunning]);
};
