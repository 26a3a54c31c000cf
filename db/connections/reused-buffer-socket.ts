import { Socket, type SocketConstructorOpts } from 'node:net';

/** What is taken from the system at once, in bytes. */
const READ_BYTES = 256 * 1024;

/**
 * A socket that reads everything into one and the same buffer, where any other makes a new one for
 * each packet of 8 KiB. Its listeners get a copy; while it lends, the buffer itself, which the next
 * read writes over.
 */
export class LendingSocket extends Socket {
  isLending = false;

  constructor() {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes: number, buffer: Uint8Array): boolean => {
        const packet = Buffer.from(buffer.buffer, 0, bytes);
        this.emit('data', this.isLending ? packet : Buffer.from(packet));
        return true;
      },
    };
    // Known to `connect` alone by its types, and read by the constructor.
    super({ onread } as SocketConstructorOpts);
  }
}
