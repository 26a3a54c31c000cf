import { Anchor, Button, Group } from '@mantine/core';
import { TriangleAlert } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { problemOf } from '../api/problem.ts';
import { isAway } from '../api/retry.ts';
import styles from './problem-notice.module.css';

/** What a notice may say in its own words. The request id always stays. */
export interface ProblemWords {
  title: string;
  detail: ReactNode;
}

/**
 * A failure: what failed, what to do, and the id that finds the request in the log. It takes the
 * focus if it answers an action of the reader.
 */
export const ProblemNotice = ({
  error,
  words,
  onRetry,
  takesFocus = false,
}: {
  error: unknown;
  words?: ProblemWords | undefined;
  onRetry?: (() => void) | undefined;
  takesFocus?: boolean;
}) => {
  const problem = problemOf(error);
  const notice = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (takesFocus) notice.current?.focus();
  }, [takesFocus, error]);
  return (
    <div ref={notice} role="alert" tabIndex={-1} className={styles.notice}>
      <TriangleAlert aria-hidden className={styles.icon} size={20} />
      <div className={styles.text}>
        <strong>{words?.title ?? problem.title}</strong>
        <p>{words?.detail ?? problem.detail}</p>
        {onRetry !== undefined && isAway(problem) && <p>This page tries again by itself.</p>}
        {problem.errors.length > 1 && (
          <ul>
            {problem.errors.map(({ pointer, detail }) => (
              <li key={`${pointer} ${detail}`}>
                <code>{pointer}</code>: {detail}
              </li>
            ))}
          </ul>
        )}
        <RequestId id={problem.requestId} slug={problem.slug} />
        {onRetry !== undefined && (
          <Group mt="xs">
            <Button variant="default" onClick={onRetry}>
              Try again
            </Button>
          </Group>
        )}
      </div>
    </div>
  );
};

const RequestId = ({ id, slug }: { id: string | undefined; slug: string }) =>
  id === undefined ? null : (
    <p className={styles.request}>
      Request <code>{id}</code> ·{' '}
      <Anchor
        href={`/problems/${slug}`}
        target="_blank"
        rel="noreferrer"
        inherit
        underline="always"
      >
        What this means
      </Anchor>
    </p>
  );
