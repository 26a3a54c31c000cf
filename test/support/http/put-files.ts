import { Readable } from 'node:stream';
import { createDirectoryStorage } from '../../../storage/directory.ts';
import { StorageError } from '../../../storage/storage.ts';

/** Puts one file after another. Prints the result of each, and the files that exist at the end. */
const [root = '', ...keys] = process.argv.slice(2);
const storage = createDirectoryStorage(root);
const results: string[] = [];
for (const key of keys) {
  const put = storage.put(key, Readable.from([Buffer.from(key)]));
  results.push(
    await put.then(
      () => 'stored',
      (error: unknown) => (error instanceof StorageError ? error.problem : String(error)),
    ),
  );
}
console.log(JSON.stringify({ results, left: await storage.list('') }));
