import { CircleCheck, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import styles from './notice.module.css';

const ICONS = { info: Info, warn: TriangleAlert, danger: TriangleAlert, ok: CircleCheck } as const;

/** A message within a page. Its icon and its edge say how much it matters. */
export const Notice = ({
  tone,
  role,
  children,
}: {
  tone: keyof typeof ICONS;
  /** `alert` or `status` if it appears while the page is read. */
  role?: 'alert' | 'status';
  children: ReactNode;
}) => {
  const Icon = ICONS[tone];
  return (
    <div role={role} className={styles.notice} data-tone={tone}>
      <Icon aria-hidden size={20} className={styles.icon} />
      <div className={styles.text}>{children}</div>
    </div>
  );
};
