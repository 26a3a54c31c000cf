import { Anchor } from '@mantine/core';
import { useRouter, useSearch } from '@tanstack/react-router';
import { Brand } from '../shell/brand.tsx';
import { Page } from '../page/page.tsx';
import { SignInForm } from './sign-in-form.tsx';
import styles from './sign-in.module.css';

/** The page for a person that is not signed in. It leads on to the page that they wanted. */
export const SignInPage = () => {
  const router = useRouter();
  const { to = '/' } = useSearch({ from: '/sign-in' });
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Brand />
        <Page title="Sign in">
          <SignInForm takesFocus onSignedIn={() => router.history.replace(to)} />
        </Page>
      </div>
      <p className={styles.foot}>
        No key? An operator of Keepsake makes it. <code>npm start</code> prints the first ones.{' '}
        <Anchor href="/docs" inherit underline="always">
          About the API
        </Anchor>
      </p>
    </main>
  );
};
