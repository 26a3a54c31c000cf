import { lazy } from 'react';

/** The dialog, whose files are loaded when it first opens. */
export const DeleteDialog = lazy(async () => {
  const module = await import('./delete-dialog.tsx');
  return { default: module.DeleteDialog };
});
