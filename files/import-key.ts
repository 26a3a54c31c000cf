/** Below it lie all files that were uploaded to be imported. */
export const IMPORTS_PREFIX = 'imports';

export const importPrefix = (fileId: string): string => `${IMPORTS_PREFIX}/${fileId}`;

/**
 * Where an uploaded file lies. Its id is a UUID of version 7, which tells when the upload began.
 */
export const importKey = (fileId: string): string => `${importPrefix(fileId)}/file`;
