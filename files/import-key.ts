/** Prefix of the keys of all files that were uploaded for an import. */
export const IMPORTS_PREFIX = 'imports';

export const importPrefix = (fileId: string): string => `${IMPORTS_PREFIX}/${fileId}`;

/** The key of an uploaded file. Its id is a UUIDv7, whose timestamp is the start of the upload. */
export const importKey = (fileId: string): string => `${importPrefix(fileId)}/file`;
