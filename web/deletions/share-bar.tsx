import { Progress, VisuallyHidden } from '@mantine/core';
import { formatCount, formatShare } from '../format/numbers.ts';
import styles from './share-bar.module.css';

/** How much of the workspace a deletion takes, with the share above which it needs an approval. */
export const ShareBar = ({
  count,
  all,
  limitPercent,
}: {
  count: number;
  all: number;
  /** Undefined where no share needs an approval: in a small workspace. */
  limitPercent: number | undefined;
}) => {
  const share = all === 0 ? 0 : Math.min(1, count / all);
  const words = `${formatShare(share)} of ${formatCount(all)}`;
  return (
    <div className={styles.share}>
      <div className={styles.bar}>
        <Progress.Root size={8} radius="sm" aria-hidden>
          <Progress.Section value={share * 100} color="act" withAria={false} />
        </Progress.Root>
        {limitPercent !== undefined && <Mark percent={limitPercent} />}
      </div>
      <span>{words}</span>
      {limitPercent !== undefined && (
        <VisuallyHidden>
          More than {formatShare(limitPercent / 100)} needs an approval.
        </VisuallyHidden>
      )}
    </div>
  );
};

const Mark = ({ percent }: { percent: number }) => (
  <span
    aria-hidden
    className={styles.mark}
    // Set by script, which the policy allows; an attribute in HTML would be refused.
    style={{ insetInlineStart: `${percent}%` }}
    title={`More than ${formatShare(percent / 100)} needs an approval`}
  />
);
