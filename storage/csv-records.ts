const QUOTE = 0x22;
const NEWLINE = 0x0a;

/**
 * Counts the records of CSV text that arrives in chunks. A newline ends a record unless it stands
 * within quotes; a doubled quote closes and opens again, so counting quotes is enough.
 *
 * `end` answers null when the text stops within a record.
 */
export const createRecordCounter = () => {
  let records = 0;
  let isQuoted = false;
  let last = NEWLINE;
  return {
    add: (chunk: Buffer): void => {
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (byte === QUOTE) isQuoted = !isQuoted;
        else if (byte === NEWLINE && !isQuoted) records++;
      }
      last = chunk.at(-1) ?? last;
    },
    end: (): number | null => (isQuoted || last !== NEWLINE ? null : records),
  };
};
