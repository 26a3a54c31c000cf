/** Groups of operations, in the order of work. */
export const TAGS: readonly { name: string; description: string }[] = [
  { name: 'me', description: 'Your key, its workspace, and the settings of the service' },
  { name: 'sessions', description: 'Sign in and out: a cookie of a browser in place of a key' },
  { name: 'workspaces', description: 'The workspaces that your key can access' },
  { name: 'users', description: 'Find, add and change users; delete one user' },
  { name: 'properties', description: 'Custom properties of users' },
  { name: 'imports', description: 'Add and change users with a CSV file' },
  { name: 'segments', description: 'Saved filters, to select users' },
  { name: 'user lists', description: 'Uploaded ids or email addresses, to select users' },
  {
    name: 'exports',
    description: 'Write users to a file, download the file, share it with a link',
  },
  { name: 'links', description: 'The pages and files of links; no key required' },
  { name: 'deletions', description: 'Preview, then back up, verify and delete' },
  { name: 'backups', description: 'Backups of deletions: download, extend, hold, purge' },
  { name: 'restores', description: 'Restore deleted users from a backup' },
  { name: 'jobs', description: 'Watch, cancel and retry jobs' },
  {
    name: 'delete all',
    description:
      'Request to delete all users, approve the request, run the deletion within the window',
  },
  { name: 'webhooks', description: 'Report the end of each job to a URL' },
  { name: 'activity', description: 'A permanent log of all actions' },
  { name: 'service', description: 'Health, metrics, and pages about errors; no key required' },
];
