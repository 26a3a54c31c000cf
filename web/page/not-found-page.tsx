import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Page } from './page.tsx';

export const NotFoundPage = () => (
  <Page title="There is no such page">
    <p>
      The address may be mistyped.{' '}
      <Anchor component={Link} to="/" inherit underline="always">
        Go to the first page
      </Anchor>
    </p>
  </Page>
);
