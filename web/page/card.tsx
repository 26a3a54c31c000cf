import type { ReactNode } from 'react';
import styles from './card.module.css';

/** A part of a page with a frame around it. Its heading names it, where it has one. */
export const Card = ({ title, children }: { title?: ReactNode; children: ReactNode }) => (
  <section className={styles.card}>
    {title !== undefined && <h2>{title}</h2>}
    {children}
  </section>
);
