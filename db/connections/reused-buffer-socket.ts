import { Socket, type SocketConstructorOpts } from 'node:net';

/** Bytes that one read takes from the operating system at most. */
const READ_BYTES = 256 * 1024;

/**
 * A socket that reads into one reused buffer. Other sockets allocate a new buffer for each packet
 * of 8 KiB. Listeners get a copy of each packet. While `isReusing` is true, they get the buffer
 * itself, which the next read overwrites.
 */
export class ReusedBufferSocket extends Socket {
  isReusing = false;

  constructor() {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (bytes: number, buffer: Uint8Array): boolean => {
        const packet = Buffer.from(buffer.buffer, 0, bytes);
        this.emit('data', this.isReusing ? packet : Buffer.from(packet));
        return true;
      },
    };
    // By its types, only `connect` takes this option; the constructor reads it too.
    super({ onread } as SocketConstructorOpts);
  }
}
