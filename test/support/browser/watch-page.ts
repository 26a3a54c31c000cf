import type { BrowserContext, Page } from 'playwright-core';

/** What a test provokes, and the browser logs as an error. */
export interface ExpectedFailures {
  /** Statuses of responses. */
  statuses?: readonly number[];
  isOffline?: boolean;
  /** Single connections are cut. */
  isCut?: boolean;
}

const VIOLATION = 'reportPolicyViolation';

/** Runs in each page before its own scripts. */
const LISTENER = `document.addEventListener('securitypolicyviolation', (event) =>
  ${VIOLATION}(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sourceFile + ' ' + event.sample));`;

const FAILED_STATUS = /^Failed to load resource: .* status of (\d{3})/;

/**
 * Collects what no test accepts: errors in the console, violations of the policy, requests to other
 * hosts, uncaught errors and unhandled rejections.
 *
 */
export const watchPages = async (
  context: BrowserContext,
  origin: string,
  expected: ExpectedFailures,
): Promise<string[]> => {
  const complaints: string[] = [];
  await context.exposeBinding(VIOLATION, (_source, text: string) => {
    complaints.push(`policy: ${text}`);
  });
  await context.addInitScript(LISTENER);
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) {
      complaints.push(`request to another host: ${url.href}`);
    }
  });
  context.on('page', (page) => watchPage(page, complaints, expected));
  return complaints;
};

const watchPage = (
  page: Page,
  complaints: string[],
  { statuses = [], isOffline = false, isCut = false }: ExpectedFailures,
): void => {
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const status = Number(FAILED_STATUS.exec(message.text())?.[1] ?? 0);
    // The page asks for its session before anybody has signed in.
    const isFirstQuestion = status === 401 && message.location().url.endsWith('/v1/session');
    if (isFirstQuestion || statuses.includes(status)) return;
    if (isOffline && message.text().includes('net::ERR_INTERNET_DISCONNECTED')) return;
    if (isCut && /net::ERR_(?:CONNECTION_RESET|FAILED)/.test(message.text())) return;
    complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
};
