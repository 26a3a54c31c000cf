import type { Config } from '../../config.ts';
import type { MailLink } from '../../mail/letter.ts';
import { createPageToken, type PagePurpose } from '../../files/page-token.ts';
import { PAGE_DAYS } from '../../rules/retention.ts';

const DAY_MS = 86_400_000;

/**
 * The link to a page in a mail. It is always the same for one mail, so that a mail that is sent
 * again is identical.
 */
export const pageLinkOf = (
  { publicUrl, linkSecret }: Pick<Config, 'publicUrl' | 'linkSecret'>,
  purpose: PagePurpose,
  mail: { id: string; begun_at: Date },
): MailLink => {
  const end = mail.begun_at.getTime() + PAGE_DAYS[purpose] * DAY_MS;
  // The token holds whole seconds.
  const expiresAt = new Date(Math.floor(end / 1_000) * 1_000);
  const token = createPageToken({ purpose, mailId: mail.id, expiresAt }, linkSecret);
  return { url: `${publicUrl}/p/${token}`, expiresAt };
};
