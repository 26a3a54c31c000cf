import type { Config } from '../../config.ts';
import type { MailLink } from '../../mail/letter.ts';
import { createPageToken, type PagePurpose } from '../../files/page-token.ts';

const DAY_MS = 86_400_000;
/**
 * How long the links of a mail lead to pages, in days; a log holds users' ids, so its link ends as
 * a file's does.
 */
const LASTS_DAYS: Record<PagePurpose, number> = { job: 30, log: 7, request: 30 };

/**
 * The link of a mail to a page; always the same for a mail, so that one that is tried again is
 * identical.
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
