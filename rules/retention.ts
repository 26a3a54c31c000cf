/**
 * How long Keepsake keeps what it stores, in one list. Two lifetimes are elsewhere, because a
 * workflow waits for them: that of a mail (workflows/contracts/mails.ts) and that of a delivery
 * (workflows/contracts/deliveries.ts). The times of a delete-all request are settings.
 */

/** An exported file, in days. */
export const DOWNLOAD_DAYS = 7;
/** A backup, in days, unless it is extended or held. */
export const BACKUP_DAYS = 30;
/** The latest expiry of a backup, in years from now. */
export const MAX_BACKUP_YEARS = 10;
/**
 * An imported file, in days. During that time the import may be retried and its failures read.
 */
export const IMPORT_FILE_DAYS = 7;
/** The longest life of a download link, in hours: 7 days. */
export const MAX_LINK_HOURS = 168;
/**
 * The links to pages in a mail, in days. A log holds users' ids, so its link expires with the file.
 */
export const PAGE_DAYS = { job: 30, log: 7, request: 30 } as const;
/** A preview that may be confirmed, in minutes. */
export const PREVIEW_MINUTES = 15;

/**
 * Hours after the end of a job until nothing writes to its files any more. A step times out after a
 * day, and a step that lost its contact to Temporal may run for another day.
 */
export const SETTLED_HOURS = 48;
/** Hours after which an upload has certainly ended. */
export const UPLOAD_HOURS = 2;

/** An ended delivery, and an idempotency key of a call about webhooks, in days. */
export const DELIVERY_DAYS = 30;
/** An old signing secret beside a new one, in hours: the default and the maximum. */
export const OLD_SECRET_HOURS = 24;
export const MAX_OLD_SECRET_HOURS = 168;
/** The row of a silent worker, in days. */
export const HEARTBEAT_DAYS = 1;
/** The longest life of an API key that is given as a duration, in days: ten years. */
export const MAX_KEY_DAYS = 3_650;

/**
 * Lifetimes that the migrations define. The database deletes by them; here they are repeated for
 * texts and limits. A test compares them with the database.
 */
export const OF_THE_DATABASE = {
  /** An uploaded list of users, in days. */
  userListDays: 1,
  /** The users of a list's preview, in hours after its expiry. */
  previewedUsersHours: 1,
  /** The selection of an unconfirmed preview, in days after its expiry. */
  oldPreviewDays: 1,
  /** The users of a job that wrote no file, in days after its end. */
  fruitlessJobDays: 30,
  /** A session of a browser, in hours after its begin; and in hours without a request. */
  sessionHours: 12,
  sessionIdleHours: 2,
} as const;
