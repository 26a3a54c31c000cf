/** Groups of operations, in the order of work. */
export const TAGS: readonly { name: string; description: string }[] = [
  { name: 'me', description: 'The key you use, and its workspace' },
  { name: 'workspaces', description: 'The workspaces that your key sees' },
  { name: 'users', description: 'Look users up, add them and change them; delete one' },
  { name: 'properties', description: 'Custom properties that users may have' },
  { name: 'imports', description: 'Add and change users by a CSV file' },
  { name: 'segments', description: 'Filters with a name, to select users by' },
  { name: 'user lists', description: 'Uploaded ids or mail addresses, to select users by' },
  { name: 'exports', description: 'Write users to a file, download it, share it by a link' },
  { name: 'links', description: 'What a shared or mailed link leads to; needs no key' },
  { name: 'deletions', description: 'Preview, then back up, verify and delete' },
  { name: 'backups', description: 'What deletions keep: download, keep longer, hold, purge' },
  { name: 'restores', description: 'Put deleted users back from a backup' },
  { name: 'jobs', description: 'Watch, cancel and retry what runs' },
  {
    name: 'delete all',
    description: 'Ask to delete everyone, approve it, run it within the window',
  },
  { name: 'webhooks', description: 'Have the end of each job reported to a URL' },
  { name: 'activity', description: 'Who did what, and when; nothing of it ever changes' },
  { name: 'service', description: 'Health, metrics, and pages about errors; needs no key' },
];
