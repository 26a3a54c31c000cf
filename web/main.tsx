import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { createRoot } from 'react-dom/client';
import { createApi } from './api/client.ts';
import { isProblem } from './api/problem.ts';
import { createQueryClient } from './api/query-client.ts';
import { ServicesProvider } from './api/services.tsx';
import { createSession } from './api/session.ts';
import { isPageMissing } from './page/lazy-page.ts';
import { createConsoleRouter } from './routes.tsx';
import { cssVariablesResolver, theme } from './theme.ts';
import './kit.css';
import './base.css';

/** The nonce of this response: the policy of the page allows only styles that carry it. */
const readNonce = (): string =>
  document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';

const start = (container: HTMLElement): void => {
  const nonce = readNonce();
  // For the styles by which open dialogs lock the scrolling of the page.
  setNonce(nonce);
  const session = createSession();
  createRoot(container, { onCaughtError: reportFault }).render(
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={localStorageColorSchemeManager({ key: 'keepsake-theme' })}
      cssVariablesResolver={cssVariablesResolver}
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={createQueryClient()}>
        <ServicesProvider services={{ session, api: createApi(session) }}>
          <RouterProvider router={createConsoleRouter({ session })} />
        </ServicesProvider>
      </QueryClientProvider>
    </MantineProvider>,
  );
};

/**
 * A refused request, or a page whose files are missing, is shown in place of the page. Anything
 * else is a fault, and the browser logs it.
 */
const reportFault = (error: unknown): void => {
  if (!isProblem(error) && !isPageMissing(error)) reportError(error);
};

const container = document.querySelector<HTMLElement>('#root');
if (container !== null) start(container);
