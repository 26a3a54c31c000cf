export interface FailureWords {
  /** What failed, for a person that does not know the service. */
  title: string;
  /** What helps. The message of the job has the details. */
  next: string;
}

const OPERATORS = 'Operators of Keepsake must act. Then retry.';
const FILE = 'Correct the file, then import it again. No user was changed.';
const BY_HAND = 'Somebody started a step by hand in Temporal. Operators should find out who.';

/** By the type of the error of a job. A test compares the types with those of the service. */
export const FAILURE_WORDS = {
  selectionChanged: {
    title: 'More users match than were confirmed',
    next: 'No user was deleted.',
  },
  deleteAllRequired: {
    title: 'Nearly everyone would be deleted',
    next: 'Select fewer users, or ask to delete all users.',
  },
  held: {
    title: 'All of these users are under legal hold',
    next: 'They stay. The platform team can clear a hold.',
  },
  runNotAllowed: {
    title: 'The approval does not allow this',
    next: 'Look at the request, then ask for a new approval.',
  },
  usersContended: {
    title: 'Other work kept changing the same users',
    next: 'Retry once that work has ended.',
  },
  everyLineFailed: {
    title: 'No line could be imported',
    next: 'No user was changed.',
  },
  everyLineRefused: {
    title: 'No line could be imported',
    next: 'No user was changed.',
  },
  empty: { title: 'The file is empty', next: FILE },
  invalidCsv: { title: 'The file is not correct CSV', next: FILE },
  invalidGzip: { title: 'The file cannot be decompressed', next: FILE },
  invalidHeader: { title: 'The first line does not name the columns correctly', next: FILE },
  notCsv: { title: 'The file is not CSV', next: FILE },
  notUtf8: { title: 'The file is not UTF-8 text', next: FILE },
  recordTooLong: { title: 'A line of the file is too long', next: FILE },
  tooLarge: { title: 'The file is too large', next: FILE },
  tooManyRows: { title: 'The file has too many lines', next: FILE },
  importFileDamaged: {
    title: 'The stored file differs from the file that was uploaded',
    next: 'Import the file again, and report this to operators.',
  },
  backupDamaged: {
    title: 'A part of the backup is damaged',
    next: 'Users without a whole backup were not deleted. Operators must check the storage.',
  },
  notRestorable: {
    title: 'These users could not be restored, so they are not deleted',
    next: OPERATORS,
  },
  snapshotLost: {
    title: 'The database was restored or copied meanwhile',
    next: 'Make a new preview, then start again.',
  },
  storageFull: { title: 'The storage is full', next: OPERATORS },
  storageUnwritable: { title: 'The storage cannot be written', next: OPERATORS },
  storageMissing: { title: 'A stored file is missing', next: OPERATORS },
  storageBroken: { title: 'A file could not be read or written', next: OPERATORS },
  databaseUnavailable: {
    title: 'The database is not available',
    next: 'Retry once it is available again.',
  },
  databaseBusy: {
    title: 'Other work holds what this job needs',
    next: 'Retry once that work has ended.',
  },
  databaseRefused: { title: 'The database refuses a statement', next: OPERATORS },
  databaseNotDurable: { title: 'The database may lose what it confirmed', next: OPERATORS },
  connectionUnfit: { title: 'The connection to the database is not fit', next: OPERATORS },
  clockWentBack: { title: 'The clock of the database has gone back', next: OPERATORS },
  clocksDiffer: { title: 'The clocks of worker and database differ', next: OPERATORS },
  loginRefused: { title: 'The database refuses the login of the worker', next: OPERATORS },
  schemaMissing: { title: 'The database has no tables of Keepsake', next: OPERATORS },
  schemaOutdated: { title: 'The tables of the database are of an older version', next: OPERATORS },
  rowSecurity: { title: 'The database hides users from Keepsake', next: OPERATORS },
  usersHidden: { title: 'The database hides users from Keepsake', next: OPERATORS },
  usersNotStamped: { title: 'Changes of users are not recorded any more', next: OPERATORS },
  usersHaveRules: { title: 'The table of users has a rule', next: OPERATORS },
  usersNotPlain: { title: 'The users are not in one plain table', next: OPERATORS },
  usersNotUtf8: { title: 'A user has text that cannot be read again', next: OPERATORS },
  volatileText: { title: 'The users have values that a backup cannot hold', next: OPERATORS },
  columnGone: { title: 'A column of the backup no longer exists', next: OPERATORS },
  typeChanged: { title: 'A type of the backup was changed', next: OPERATORS },
  outOfLocks: { title: 'The database has too few locks', next: OPERATORS },
  foreignKeyCascades: { title: 'Other data would be deleted as well', next: OPERATORS },
  othersWouldGo: { title: 'Other users would be deleted as well', next: OPERATORS },
  sumsDoNotClose: {
    title: 'The counts do not add up',
    next: 'Report this to operators, with the id of the job.',
  },
  selectionUnreadable: {
    title: 'The stored selection was changed',
    next: 'No user was deleted. Report this to operators, and start again.',
  },
  exportUnknown: { title: 'The job ended without a verified file', next: 'Start it again.' },
  requestUnknown: { title: 'A step names a request that does not exist', next: OPERATORS },
  jobNotRunning: { title: 'A step came after the end of the job', next: OPERATORS },
  jobNotYours: { title: 'A step came from another workflow', next: BY_HAND },
  requestNotYours: { title: 'A step came from another workflow', next: BY_HAND },
  deliveryNotYours: { title: 'A step came from another workflow', next: BY_HAND },
  mailNotYours: { title: 'A step came from another workflow', next: BY_HAND },
  mailNotAsked: { title: 'A mail came from another workflow', next: BY_HAND },
  noWorkflow: { title: 'A step came without a workflow', next: BY_HAND },
  workflowTerminated: {
    title: 'The workflow was ended by hand',
    next: 'Retry for the users that are left.',
  },
  brokenOff: {
    title: 'A step failed for an unknown reason',
    next: 'Operators find the cause in Temporal. Then retry.',
  },
} as const satisfies Readonly<Record<string, FailureWords>>;

export const failureWordsOf = (type: string): FailureWords =>
  isKnown(type) ? FAILURE_WORDS[type] : FAILURE_WORDS.brokenOff;

const isKnown = (type: string): type is keyof typeof FAILURE_WORDS => type in FAILURE_WORDS;
