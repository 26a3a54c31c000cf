import { Skeleton } from '@mantine/core';
import { useProperties } from '../filters/use-properties.ts';
import { Card } from '../page/card.tsx';
import { Delayed } from '../page/delayed.tsx';
import { Fact, Facts } from '../page/facts.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import styles from './settings.module.css';

/** The custom properties of the workspace, with their types. */
export const Properties = () => {
  const { properties, error } = useProperties();
  return (
    <Card title="Properties">
      <p className={styles.soft}>
        Custom properties of users. Each has a type, which stays. An admin adds one by{' '}
        <code>POST /v1/properties</code>.
      </p>
      {properties === undefined ? (
        error === null ? (
          <Delayed>
            <Skeleton height={120} radius="sm" />
          </Delayed>
        ) : (
          <ProblemNotice error={error} />
        )
      ) : properties.size === 0 ? (
        <p>No custom properties yet.</p>
      ) : (
        <Facts>
          {[...properties].map(([name, type]) => (
            <Fact key={name} name={name}>
              {type}
            </Fact>
          ))}
        </Facts>
      )}
    </Card>
  );
};
