import { constants, gunzipSync } from 'node:zlib';
import { GZIP_MAGIC } from './decompress.ts';

/**
 * Number of first bytes that identify a file's kind. A tar archive has its format name at byte 257.
 */
export const KIND_BYTES = 4 * 1024;
/** Fewest bytes that distinguish two kinds. */
const MIN_KIND_BYTES = 4;
/** Longest text of `KIND_BYTES` compressed bytes: gzip produces at most 1,032 bytes from one. */
const MAX_UNPACKED_BYTES = 1032 * KIND_BYTES;

const AS_CSV = 'Save the sheet as "CSV UTF-8 (comma delimited)" and upload that file.';
const UNPACKED = 'Decompress it, then upload the CSV file, optionally compressed with gzip.';
const AS_UTF8 = 'Save it as UTF-8; in Excel, as "CSV UTF-8 (comma delimited)".';
const EXPORT_AGAIN = 'Export the data as CSV in UTF-8 and upload that file.';

const bytes = (...values: number[]): string => String.fromCharCode(...values);

/** First bytes of files of other kinds, one character for each byte. */
const BEGINNINGS: readonly [string, string][] = [
  [bytes(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1), `an Excel workbook (.xls). ${AS_CSV}`],
  [bytes(0xff, 0xfe, 0, 0), `text in UTF-32. ${AS_UTF8}`],
  [bytes(0, 0, 0xfe, 0xff), `text in UTF-32. ${AS_UTF8}`],
  [bytes(0xff, 0xfe), `text in UTF-16. ${AS_UTF8}`],
  [bytes(0xfe, 0xff), `text in UTF-16. ${AS_UTF8}`],
  [bytes(0x28, 0xb5, 0x2f, 0xfd), `compressed with zstd. ${UNPACKED}`],
  [bytes(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), `compressed with xz. ${UNPACKED}`],
  [bytes(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), `a 7z archive. ${UNPACKED}`],
  [bytes(0x04, 0x22, 0x4d, 0x18), `compressed with lz4. ${UNPACKED}`],
  [bytes(0x1f, 0x9d), `compressed with compress. ${UNPACKED}`],
  ['Rar!\x1a\x07', `a RAR archive. ${UNPACKED}`],
  ['LZIP\x01', `compressed with lzip. ${UNPACKED}`],
  ['%PDF-', `a PDF document. ${EXPORT_AGAIN}`],
  ['{\\rtf', `an RTF document. ${EXPORT_AGAIN}`],
  ['PAR1', `a Parquet file. ${EXPORT_AGAIN}`],
  ['ARROW1', `an Arrow file. ${EXPORT_AGAIN}`],
  ['Obj\x01', `an Avro file. ${EXPORT_AGAIN}`],
  ['SQLite format 3\0', `an SQLite database. ${EXPORT_AGAIN}`],
  [bytes(0x89) + 'PNG\r\n', `an image. ${EXPORT_AGAIN}`],
  [bytes(0xff, 0xd8, 0xff), `an image. ${EXPORT_AGAIN}`],
];

const ZIP = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];
/** Stands after `BZh` and a digit. */
const BZIP2 = ['1AY&SY', '\x17rE8P\x90'];
/** Stands after a first byte from 0x50 to 0x5f, which are letters: a skippable frame of zstd. */
const SKIPPABLE_ZSTD = '*M\x18';
const TAR_AT = 257;
const TAR = ['ustar\0', 'ustar  \0'];

/** What may precede the content of any file: marks, blanks, and a line such as `sep=;`. */
const BEFORE = /^(?:\xef\xbb\xbf|\s|"?sep="?[^"\w\r\n][^\w\r\n]*(?=[\r\n]))+/i;
const MARKUP = /^<(?:[!?]|[a-z][\w:-]*[\s/>])/i;
const JSON_TEXT = /^(?:\{\s*["}]|\[\s*(?:[[{\]"\d-]|true|false|null))/;

/**
 * Number of characters that detect UTF-16 without a mark: most characters of a header are ASCII
 * letters.
 */
const UTF16_SAMPLE = 32;

const NO_NAMES: ReadonlySet<string> = new Set();
const ENDS_OF_NAMES = /^(?:[,;\t|\r\n]|$)/;

const GZIP = GZIP_MAGIC.toString('latin1');
const PACKED_BEHIND =
  'compressed with gzip after other bytes, such as a blank, a line break, a mark or a line such as sep=;. Compress the CSV file again.';

/**
 * The kind of content that is not CSV, and what to do, as the end of a sentence. Undefined if the
 * content may be CSV. `head`: the first `KIND_BYTES` bytes, decompressed. `names`: columns that the
 * file is said to have.
 */
export const kindOfContent = (head: Buffer, names = NO_NAMES): string | undefined => {
  if (isCompressed(head)) return `compressed with gzip twice. ${UNPACKED}`;
  const text = head.toString('latin1', 0, KIND_BYTES);
  const behind = text.replace(BEFORE, '');
  if (behind.startsWith(GZIP)) return PACKED_BEHIND;
  return kindOf(text) ?? kindOf(behind) ?? kindOfText(behind, names);
};

/** Like `kindOfContent`, for a file that may be compressed. */
export const kindOfFile = (head: Buffer, names = NO_NAMES): string | undefined => {
  const first = head.subarray(0, KIND_BYTES);
  return kindOfContent(isCompressed(first) ? decompressHead(first) : first, names);
};

/**
 * Makes a function that takes a file's pieces in order. It throws the error of `toError` if the
 * file is not CSV.
 */
export const createKindCheck = (toError: (kind: string) => Error, names = NO_NAMES) => {
  let head: Buffer = Buffer.alloc(0);
  let checkedBytes = 0;
  return (piece: Buffer): void => {
    if (checkedBytes >= KIND_BYTES) return;
    head = Buffer.concat([head, piece.subarray(0, KIND_BYTES - head.length)]);
    if (head.length < MIN_KIND_BYTES) return;
    // Limits the number of checks when pieces are small.
    if (head.length < 2 * checkedBytes && head.length < KIND_BYTES) return;
    checkedBytes = head.length;
    const kind = kindOfFile(head, names);
    if (kind !== undefined) throw toError(kind);
  };
};

const isCompressed = (content: Buffer): boolean =>
  content.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC);

const kindOf = (text: string): string | undefined => {
  const found = BEGINNINGS.find(([beginning]) => text.startsWith(beginning));
  if (found !== undefined) return found[1];
  if (ZIP.some((beginning) => text.startsWith(beginning))) return kindOfZip(text);
  if (text.startsWith('BZh') && BZIP2.includes(text.slice(4, 10)))
    return `compressed with bzip2. ${UNPACKED}`;
  if (/^[P-_]/.test(text) && text.startsWith(SKIPPABLE_ZSTD, 1))
    return `compressed with zstd. ${UNPACKED}`;
  if (TAR.some((name) => text.startsWith(name, TAR_AT))) return `a tar archive. ${UNPACKED}`;
  return undefined;
};

/** The kind of a zip archive, from the names of its first files. */
const kindOfZip = (head: string): string => {
  if (head.includes('opendocument.spreadsheet')) return `an OpenDocument spreadsheet. ${AS_CSV}`;
  const isWorkbook = /\[Content_Types\]\.xml|_rels\/|docProps\/|xl\//.test(head);
  if (isWorkbook) return `an Excel workbook (.xlsx). ${AS_CSV}`;
  if (head.includes('Index/')) return `a Numbers spreadsheet. ${AS_CSV}`;
  return `a zip archive or an Excel workbook (.xlsx). For an archive: ${UNPACKED} For a workbook: ${AS_CSV}`;
};

const kindOfText = (head: string, names: ReadonlySet<string>): string | undefined => {
  if (isUtf16(head)) return `text in UTF-16. ${AS_UTF8}`;
  const kind = MARKUP.test(head) ? 'HTML or XML' : JSON_TEXT.test(head) ? 'JSON' : undefined;
  if (kind === undefined || beginsWithName(head, names)) return undefined;
  return `${kind}. ${EXPORT_AGAIN}`;
};

/**
 * UTF-16 without a mark: of each ASCII letter, one of two bytes is zero, always the first or always
 * the second.
 */
const isUtf16 = (head: string): boolean => {
  const sample = head.slice(0, 2 * UTF16_SAMPLE).replace(/\0+$/, '');
  const zeros = [0, 0];
  for (let at = 0; at < sample.length; at++) {
    if (sample[at] === '\0') zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  }
  const [first = 0, second = 0] = zeros;
  const isOfOneSide = Math.min(first, second) === 0;
  return isOfOneSide && Math.max(first, second) * 4 >= sample.length && sample.length > 2;
};

/** Whether a text begins with the name of a given column, such as `[1] Id` or `<No>`. */
const beginsWithName = (head: string, names: ReadonlySet<string>): boolean =>
  [...names].some((name) => {
    const bytesOfName = Buffer.from(name).toString('latin1');
    return head.startsWith(bytesOfName) && ENDS_OF_NAMES.test(head.slice(bytesOfName.length));
  });

/** The text of the first bytes of a gzip file. Empty if the bytes are not gzip, or too few. */
const decompressHead = (head: Buffer): Buffer => {
  try {
    return gunzipSync(head, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX_UNPACKED_BYTES,
    });
  } catch {
    return Buffer.alloc(0);
  }
};
