import type { Config } from '../../config.ts';
import type { MailLink } from '../../mail/letter.ts';
import { createPageToken, type PagePurpose } from '../../files/page-token.ts';

const DAY_MS = 86_400_000;
/**
 * How long the links to pages in a mail are valid, in days. A log holds users' ids, so its link
 * expires with the file.
 */
const LASTS_DAYS: Record<PagePurpose, number> = { job: 30, log: 7, request: 30 };

/**
 * The link to a page in a mail. It is always the same for one mail, so that a mail that is sent
 * again is identical.
 */
export const pageLinkOf = (
  { publicUrl, linkSecret }: Pick<Config, 'publicUrl' | 'linkSecret'>,
  purpose: PagePurpose,
  mail: { id: string; begun_at: Date },
): MailLink => {
  const end = mail.begun_at.getTime() + LASTS_DAYS[purpose] * DAY_MS;
  // The token holds whole seconds.
  const expiresAt = new Date(Math.floor(end / 1_000) * 1_000);
  const token = createPageToken({ purpose, mailId: mail.id, expiresAt }, linkSecret);
  return { url: `${publicUrl}/p/${token}`, expiresAt };
};
